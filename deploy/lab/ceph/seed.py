#!/usr/bin/env python3
"""Seeds the laboratory: S3 traffic over hours on both sides of a month's end, RBD images, subvolumes; what to expect goes to manifest.json.

    ceph-lab.sh seed [--only s3,rbd,cephfs] [--stay]

LAB_SYNC is a command that is run where a collector must have seen what was so far, before it is lost (a trim, a kill, a deletion): it gets RGW's time and
a word for why, and returns once a pass that began later is complete. Without it nobody is waited for.
"""
import argparse
import calendar
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import blocks
import objects
import s3

MANIFEST = os.environ['LAB_MANIFEST']
BEGAN = time.time()


def say(what):
    print('[%6.1fs] %s' % (time.time() - BEGAN, what), file=sys.stderr)


def run(*command, **options):
    p = subprocess.run(command, capture_output=True, text=True, timeout=400, **options)
    if p.returncode:
        raise SystemExit('%s: exit %d: %s' % (' '.join(command), p.returncode, p.stderr))
    return p.stdout


def month_end():
    """The newest end of a month that is half a day past: hours on both of its sides are over."""
    t = time.gmtime(time.time() - 43200)
    return calendar.timegm((t.tm_year, t.tm_mon, 1, 0, 0, 0))


class Lab:
    """What the parts of the seed share: the manifest, RGW's clock, and who waits for whom."""
    say = staticmethod(say)
    run = staticmethod(run)

    def __init__(self):
        self.manifest = {'users': {}, 'usage': [], 'buckets': [], 'rbd': [], 'subvolumes': [], 'synced': []}

    def save(self):
        with open(MANIFEST + '.new', 'w') as f:
            json.dump(self.manifest, f, indent=1)
            f.write('\n')
        os.replace(MANIFEST + '.new', MANIFEST)

    def at(self, when):
        """Moves RGW's clock so that it is `when` there now."""
        run(os.environ['LAB_SCRIPT'], 'rgw-shift', '%+d' % (when - time.time()))

    def sync(self, why):
        if os.environ.get('LAB_SYNC'):
            t = int(s3.now()) + 1
            run('/bin/sh', '-c', os.environ['LAB_SYNC'] + ' "$@"', 'sync', str(t), why)
            self.manifest['synced'].append({'at': t, 'why': why})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--only', default='rbd,cephfs,s3', help='parts, with commas between')
    p.add_argument('--stay', action='store_true', help="leave RGW's clock at the end of the story; else it is set to ours")
    a = p.parse_args()
    if os.path.exists(MANIFEST):
        raise SystemExit('%s: this lab is seeded already; "destroy" and "up" make a new one' % MANIFEST)
    lab = Lab()
    parts = a.only.split(',')
    with concurrent.futures.ThreadPoolExecutor() as pool:
        others = [pool.submit(make, lab) for part, make in (('rbd', blocks.images), ('cephfs', blocks.subvolumes)) if part in parts]
        if 's3' in parts:
            objects.story(lab, month_end())
        for other in others:
            other.result()
        lab.sync('made')
        if 'rbd' in parts:
            blocks.later(lab)
        lab.sync('end')
    if 's3' in parts and not a.stay:
        lab.at(time.time())
    lab.save()
    say('seeded')


if __name__ == '__main__':
    main()
