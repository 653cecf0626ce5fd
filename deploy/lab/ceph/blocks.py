"""The RBD and CephFS part of the seed: images as Cinder, Glance, ceph-csi and people make them, subvolumes as Manila and ceph-csi make them."""
import json
import os
import random
import uuid

MIB = 1 << 20
POOLS = ('volumes', 'images', 'vms', 'backups')


def ids():
    """The same ids in every lab."""
    r = random.Random(42)
    while True:
        yield str(uuid.UUID(int=r.getrandbits(128), version=4))


def images(lab):
    """Pools, images, snapshots, clones, an image in the trash, and one in a namespace."""
    fresh, rbd = ids(), lambda *c: lab.run('rbd', *c)
    have = json.loads(lab.run('ceph', 'osd', 'pool', 'ls', '-f', 'json'))
    for pool in POOLS:
        if pool not in have:
            lab.run('ceph', 'osd', 'pool', 'create', pool, '8')
            rbd('pool', 'init', pool)

    def entry(pool, name, size, written=0, **more):
        lab.manifest['rbd'].append({'pool': pool, 'namespace': '', 'image': name, 'provisioned': size * MIB, 'written': written * MIB, 'snapshots': {}, 'trash': False, **more})
        return lab.manifest['rbd'][-1]

    def write(spec, size):
        rbd('bench', '--io-type', 'write', '--io-size', '1M', '--io-total', '%dM' % size, '--io-pattern', 'seq', spec)

    def snap(e, name, protect=False):
        spec = '%s/%s@%s' % (e['pool'], e['image'], name)
        rbd('snap', 'create', spec)
        if protect:
            rbd('snap', 'protect', spec)
        e['snapshots'][name] = e['provisioned']
        return spec

    glance = entry('images', next(fresh), 256, 32)
    rbd('create', 'images/' + glance['image'], '--size', '256M')
    write('images/' + glance['image'], 32)
    parent = snap(glance, 'snap', True)
    for n, written in enumerate((8, 16, 24, 32, 0, 0)):
        name = 'volume-' + next(fresh)
        spec, size = 'volumes/' + name, 256 if n == 0 else (n + 1) * 512
        if n == 0:  # booted from: a clone of the image
            rbd('clone', parent, spec)
        else:       # the second without an object map
            rbd('create', spec, '--size', '%dM' % size, *(('--image-feature', 'layering') if n == 1 else ()))
        e = entry('volumes', name, size, written)
        if written:
            write(spec, written)
        if n in (2, 3):
            snapshot = snap(e, 'snapshot-' + next(fresh), n == 3)
            write(spec, 4)
            if n == 3:
                clone = entry('volumes', 'volume-' + next(fresh), size)
                rbd('clone', snapshot, 'volumes/' + clone['image'])
    deleted = entry('volumes', 'volume-%s.deleted' % next(fresh), 128)  # Cinder's, while a clone still needs it
    rbd('create', 'volumes/' + deleted['image'], '--size', '128M')
    trash = entry('volumes', 'volume-' + next(fresh), 64, trash=True)
    rbd('create', 'volumes/' + trash['image'], '--size', '64M')
    rbd('trash', 'mv', 'volumes/' + trash['image'])
    rbd('namespace', 'create', 'volumes/tenant-ns')
    csi = entry('volumes', 'csi-vol-' + next(fresh), 96, namespace='tenant-ns')
    rbd('create', 'volumes/tenant-ns/' + csi['image'], '--size', '96M')
    vm = entry('vms', 'legacy-disk', 320, 20)
    rbd('create', 'vms/' + vm['image'], '--size', '320M')
    write('vms/' + vm['image'], 20)
    lab.say('RBD')


def later(lab):
    """What becomes of some of them, once a collector has seen them as they were."""
    by_name = {e['image']: e for e in lab.manifest['rbd']}
    disk, csi = by_name['legacy-disk'], next(e for e in lab.manifest['rbd'] if e['namespace'])
    lab.run('rbd', 'resize', 'vms/legacy-disk', '--size', '640M')
    disk['provisioned'] = 640 * MIB
    lab.run('rbd', 'rm', 'volumes/tenant-ns/' + csi['image'])
    csi['gone'] = True
    idle = [e for e in lab.manifest['rbd'] if e['pool'] == 'volumes' and not e['written'] and not e['trash'] and not e['namespace']][0]
    lab.run('rbd', 'trash', 'mv', 'volumes/' + idle['image'])
    idle['trash'] = True
    for s in lab.manifest['subvolumes'][:1]:
        lab.run('ceph', 'fs', 'subvolume', 'resize', s['filesystem'], s['name'], str(9 << 30), '--group_name', s['group'])
        s['quota'] = 9 << 30
    last = lab.manifest['subvolumes'][-2]
    lab.run('ceph', 'fs', 'subvolume', 'rm', last['filesystem'], last['name'])
    last['gone'] = True


def subvolumes(lab):
    """Three subvolumes of ceph-csi's group and two of none, as Manila makes them, with data in each."""
    import cephfs
    fresh = ids()
    for _ in range(20):  # none of the images' ids
        next(fresh)
    groups = json.loads(lab.run('ceph', 'fs', 'subvolumegroup', 'ls', 'cephfs', '-f', 'json'))
    if not any(g['name'] == 'csi' for g in groups):
        lab.run('ceph', 'fs', 'subvolumegroup', 'create', 'cephfs', 'csi')
    for group, names in (('csi', ['csi-vol-' + next(fresh) for _ in range(3)]), ('', [next(fresh) for _ in range(2)])):
        more = ('--group_name', group) if group else ()
        for n, name in enumerate(names):
            lab.run('ceph', 'fs', 'subvolume', 'create', 'cephfs', name, '--size', str((n + 1) << 30), *more)
            path = lab.run('ceph', 'fs', 'subvolume', 'getpath', 'cephfs', name, *more).strip()
            lab.manifest['subvolumes'].append({'filesystem': 'cephfs', 'group': group, 'name': name, 'path': path, 'quota': (n + 1) << 30, 'used': (n + 1) * MIB})
    unlimited = next(fresh)
    lab.run('ceph', 'fs', 'subvolume', 'create', 'cephfs', unlimited)
    path = lab.run('ceph', 'fs', 'subvolume', 'getpath', 'cephfs', unlimited).strip()
    lab.manifest['subvolumes'].append({'filesystem': 'cephfs', 'group': '', 'name': unlimited, 'path': path, 'quota': None, 'used': 3 * MIB})
    fs = cephfs.LibCephFS(conffile=os.environ['CEPH_CONF'])
    fs.mount()
    for s in lab.manifest['subvolumes']:
        fd = fs.open(s['path'] + '/data', 'w', 0o644)
        fs.write(fd, random.Random(s['used']).randbytes(s['used']), 0)
        fs.fsync(fd, 0)
        fs.close(fd)
    fs.unmount()
    fs.shutdown()
    first = lab.manifest['subvolumes'][0]
    lab.run('ceph', 'fs', 'subvolume', 'snapshot', 'create', 'cephfs', first['name'], 'csi-snap-' + next(fresh), '--group_name', 'csi')
    lab.say('CephFS')
