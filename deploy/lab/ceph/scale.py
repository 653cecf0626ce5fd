#!/usr/bin/env python3
"""Many users, each with buckets, each with objects of 100 bytes: for paging and load.

    ceph-lab.sh scale USERS BUCKETS OBJECTS [PREFIX]
"""
import argparse
import concurrent.futures
import json
import sys
import time

import s3
import seed

SEEDER = ('PLIMSOLLSEEDER', 'plimsoll-lab-seeder-secret-key')


def put(keys, path, query=None, body=b'', may=(200,)):
    status, answer, *_ = s3.request(keys, 'PUT', path, query, body)
    if status not in may:
        raise SystemExit('PUT %s: %d %s' % (path, status, answer[:200]))


def each(what, items, make):
    began = time.time()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in pool.map(make, items):
            pass
    took = time.time() - began
    print('%d %s in %.1f s (%.0f/s)' % (len(items), what, took, len(items) / max(took, 1e-9)), file=sys.stderr)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('users', type=int)
    p.add_argument('buckets', type=int, help='of each user')
    p.add_argument('objects', type=int, help='in each bucket')
    p.add_argument('prefix', nargs='?', default='scale')
    a = p.parse_args()
    if not any(u == 'seeder' for u in json.loads(seed.run('radosgw-admin', 'user', 'list'))):
        seed.run('radosgw-admin', 'user', 'create', '--uid', 'seeder', '--display-name', 'seeder', '--access-key', SEEDER[0], '--secret-key', SEEDER[1], '--caps', 'users=*')

    def user(u):
        return '%s%d' % (a.prefix, u), ('K' + a.prefix.upper() + str(u), 'S%s%d' % (a.prefix, u))

    def make_user(u):
        name, keys = user(u)
        put(SEEDER, '/admin/user', {'uid': 't%s$%s' % (name, name), 'display-name': name, 'access-key': keys[0], 'secret-key': keys[1], 'max-buckets': '0'}, may=(200, 409))

    users, buckets = range(a.users), [(u, b) for u in range(a.users) for b in range(a.buckets)]
    each('users', users, make_user)
    each('buckets', buckets, lambda x: put(user(x[0])[1], '/%s-%05d' % (a.prefix, x[1])))
    each('objects', [(u, b, o) for u, b in buckets for o in range(a.objects)],
         lambda x: put(user(x[0])[1], '/%s-%05d/object-%d' % (a.prefix, x[1], x[2]), body=b'x' * 100))


if __name__ == '__main__':
    main()
