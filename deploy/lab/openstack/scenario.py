"""Two minutes of life in three projects, and the truth about it."""
import concurrent.futures as cf
import sys
import time

from cloud import MANILA, NEUTRON, NOVA, OCTAVIA, SERVICES, SWIFT, TRUTH, now, truth
from tenants import base

BRIEF = 3                                 # seconds that the short-lived things live: less than from one pass to the next


def scenario():
    t0 = time.time()
    at = base()
    a, clouds, F, IM, ext, nets = at
    print(f'base ready {time.time() - t0:.1f}s', file=sys.stderr)
    errs = []

    def run(f, *args):
        try:
            f(*args)
        except Exception as e:            # noqa: one broken step must not hide the others
            errs.append((f.__name__, e))

    first, jobs = servers(at)
    # the short-lived server runs alone first, so that its life is short even
    # where the machine is loaded
    for f in first:
        run(f)
    with cf.ThreadPoolExecutor(6) as ex:
        for f, *args in jobs + storage(at) + network(at) + images(at) + others(at):
            ex.submit(run, f, *args)
    for n, e in errs:
        print(f'seed: {n}: {e}', file=sys.stderr)
    print(f'seeded in {time.time() - t0:.1f}s, {len(errs)} failed steps; truth in {TRUTH.name}', file=sys.stderr)
    return 1 if errs else 0


def projects(at):
    _, clouds, F, IM, ext, nets = at
    return [(clouds[k], nets[k]) for k in ('acme/web', 'acme/batch', 'globex/research')]


def servers(at):
    """Steps that run alone and first, and steps that may run beside others."""
    _, _, F, IM, _, _ = at
    (web, nweb), (batch, nbatch), (res, nres) = projects(at)
    deb, win = IM['debian-12'], IM['windows-2022']

    def steady(c, n, net, fl, im, i):
        c.boot(f'{n}-{i}', F[fl], im, net, metadata={'team': n, 'env': 'prod'})

    def short_active():
        s = web.boot('short-active', F['m1.tiny'], deb, nweb)
        web.kill(s)

    def short_blind():                    # deleted at once: a moment later a host may have built it
        s = web.boot('short-blind', F['m1.tiny'], deb, nweb, wait=None)
        web.kill(s)

    def stopped():
        s = web.boot('stopped', F['m1.small'], deb, nweb)
        web.act(s, 'os-stop', 'SHUTOFF')

    def stopstart():
        s = web.boot('stop-start', F['m1.small'], deb, nweb)
        web.act(s, 'os-stop', 'SHUTOFF')
        time.sleep(3)
        web.act(s, 'os-start', 'ACTIVE')

    def resized():
        s = web.boot('resized', F['m1.small'], deb, nweb)
        web.resize(s, F['m1.medium'])
        web.act(s, 'confirmResize', 'ACTIVE')

    def reverted():
        s = batch.boot('resize-reverted', F['m1.small'], deb, nbatch)
        batch.resize(s, F['c4.large'])
        time.sleep(8)                     # no event names this size: a pass every 5 s must have seen it
        batch.act(s, 'revertResize', 'ACTIVE')

    def resized_twice_deleted():
        s = batch.boot('resized-twice-deleted', F['m1.tiny'], deb, nbatch)
        for f in ('m1.small', 'm1.medium'):
            batch.resize(s, F[f])
            batch.act(s, 'confirmResize', 'ACTIVE')
        batch.kill(s)

    def shelved():
        s = batch.boot('shelved', F['m1.small'], win, nbatch)
        batch.act(s, 'shelve', 'SHELVED_OFFLOADED')

    def shelve_unshelve():
        s = batch.boot('shelve-unshelve', F['bfv.small'], net=nbatch, block_device_mapping_v2=[{
            'boot_index': 0, 'uuid': deb, 'source_type': 'image', 'destination_type': 'volume',
            'volume_size': 3, 'delete_on_termination': True}])
        batch.act(s, 'shelve', 'SHELVED_OFFLOADED')
        time.sleep(2)
        batch.act(s, 'unshelve', 'ACTIVE')

    def suspended():
        s = res.boot('suspended', F['m1.small'], win, nres)
        res.act(s, 'suspend', 'SUSPENDED')

    def paused():
        s = res.boot('paused', F['m1.tiny'], deb, nres)
        res.act(s, 'pause', 'PAUSED')

    def rebuilt():
        s = res.boot('rebuilt', F['m1.small'], deb, nres)
        res.act(s, 'rebuild', 'ACTIVE', {'imageRef': win})

    def failed():
        s = res.boot('no-valid-host', F['huge'], deb, nres, wait=None)
        res.seen('server', s, 'ERROR')

    def deleted_stopped():
        s = res.boot('deleted-while-stopped', F['m1.small'], deb, nres)
        res.act(s, 'os-stop', 'SHUTOFF')
        res.kill(s)

    jobs = []
    for i in range(4):
        jobs += [(steady, web, 'web', nweb, 'm1.small', deb, i), (steady, batch, 'batch', nbatch, 'c4.large', deb, i)]
    for i in range(3):
        jobs += [(steady, res, 'win', nres, 'm1.medium', win, i)]
    jobs += [(f,) for f in (stopped, stopstart, resized, reverted, resized_twice_deleted, shelved, shelve_unshelve, suspended, paused,
                            rebuilt, failed, deleted_stopped)]
    return (short_active, short_blind), jobs


def storage(at):
    """Volumes, snapshots, backups."""
    a, _, F, IM, _, _ = at
    (web, nweb), (batch, _), (res, _) = projects(at)
    deb = IM['debian-12']

    def attached():
        s = web.boot('with-volume', F['m1.small'], deb, nweb)
        v = web.volume('data', 5)
        web.attach(s, v)
        v2 = web.volume('scratch', 2)
        web.attach(s, v2)
        web.detach(s, v2)
        web.end('volume', v2)

    def booted_from_volume():             # Nova makes the volume, and deletes it with the server
        began = now()
        s = web.boot('on-a-volume', F['bfv.small'], net=nweb, block_device_mapping_v2=[{
            'boot_index': 0, 'uuid': deb, 'source_type': 'image', 'destination_type': 'volume', 'volume_size': 2,
            'volume_type': 'lab-ssd', 'delete_on_termination': True}])
        v = web.get(f'{NOVA}/servers/{s}')['server']['os-extended-volumes:volumes_attached'][0]['id']
        truth('volume.create', web.name, v, began=began, by='nova', server=s, name='', size=2, volume_type='lab-ssd')
        web.seen('volume', v, 'in-use')
        began = now()
        web.kill(s)
        truth('volume.delete', web.name, v, began=began, by='nova')
        web.seen('volume', v, None)

    def grown():
        v = batch.volume('grown', 1)
        batch.vact(v, 'os-extend', {'new_size': 3}, until=lambda x: x['size'] == 3)
        retype(batch, v, 'lab-hdd')
        s = batch.snapshot(v, 'snap', 3)
        batch.volume('from-snap', 3, snapshot_id=s)
        batch.end('snapshot', batch.snapshot(v, 'snap-deleted', 3))
        batch.vact(v, 'os-extend', {'new_size': 4}, until=lambda x: x['size'] == 4)

    def retype(c, v, to):
        """Between back ends: Cinder makes a second volume for the while, lets all tenants' lists show it, and gives the first one's row its place."""
        began = now()
        c.vact(v, 'os-retype', {'new_type': to, 'migration_policy': 'on-demand'}, want=None)
        others, end = set(), time.time() + 120
        while time.time() < end:
            for x in a.get(a.cv('/volumes/detail'), params={'all_tenants': 1})['volumes']:
                if x.get('migration_status') == 'target:' + v and x['id'] not in others:
                    others.add(x['id'])
                    truth('volume.seen_target', c.name, x['id'], began=began, of=v, size=x['size'], volume_type=x['volume_type'])
            now_is = c.get(c.url('volume', v))['volume']
            if now_is['status'] == 'available' and now_is['volume_type'] == to:
                break
        c.seen('volume', v, 'available', until=lambda x: x['volume_type'] == to)

    def retyped_back():
        v = res.volume('retyped', 2, volume_type='lab-hdd')
        retype(res, v, 'lab-ssd')
        retype(res, v, 'lab-hdd')
        res.end('volume', v)

    def short(c, n):
        for i in range(n):
            began = time.time()
            v = c.volume(f'short-volume-{i}', 3 + i)
            time.sleep(max(0, began + BRIEF - time.time()))
            c.end('volume', v)

    def short_unseen():                   # deleted as soon as it is there
        web.end('volume', web.volume('short-unseen', 1))

    def extended_and_gone():              # three sizes and an end, all between two passes
        v = batch.volume('extended-and-gone', 1)
        for size in (2, 5):
            batch.vact(v, 'os-extend', {'new_size': size}, until=lambda x: x['size'] == size)
        batch.end('volume', v)

    def short_snapshot():
        v = web.volume('snapped', 2)
        began = time.time()
        s = web.snapshot(v, 'short-snapshot', 2)
        time.sleep(max(0, began + BRIEF - time.time()))
        web.end('snapshot', s)

    def other_types():
        res.volume('archive', 50, volume_type='lab-hdd')
        res.volume('from-image', 2, imageRef=deb)
        v = res.volume('cloned-from', 1)
        res.volume('clone', 1, source_volid=v)

    def handed_over(name, keep):          # the owner changes: two tenants pay
        v = web.volume(name, 4)
        began = now()
        t = web.post(web.cv('/volume-transfers'), {'transfer': {'volume_id': v, 'name': 't'}})['transfer']
        truth('volume.transfer-offer', web.name, v, began=began)
        web.seen('volume', v, 'awaiting-transfer')
        began = now()
        res.post(res.cv(f'/volume-transfers/{t["id"]}/accept'), {'accept': {'auth_key': t['auth_key']}})
        truth('volume.transfer', web.name, v, began=began, to=res.name)
        res.seen('volume', v, 'available')
        if not keep:
            res.end('volume', v)

    def broken():                         # no back end has room for it
        v = web.volume('too-large', 2000000, wait=None)
        web.seen('volume', v, 'error')

    def backups():
        v = res.volume('backed-up', 1)
        res.backup(v, 'full', 1)
        res.end('backup', res.backup(v, 'increment', 1, incremental=True))
        began = time.time()
        b = res.backup(v, 'short-backup', 1)
        time.sleep(max(0, began + BRIEF - time.time()))
        res.end('backup', b)

    return [(short, web, 3), (short, batch, 2), (attached,), (grown,), (retyped_back,), (handed_over, 'handed-over', True),
            (handed_over, 'handed-over-and-gone', False), (backups,), (booted_from_volume,), (extended_and_gone,), (short_snapshot,),
            (short_unseen,), (other_types,), (broken,)]


def network(at):
    """Floating IPs, ports on the shared external network, routers."""
    _, _, F, IM, ext, _ = at
    (web, nweb), (batch, _), (res, _) = projects(at)

    def fips():
        for c, n in ((web, 3), (res, 2), (batch, 1)):
            for _ in range(n):
                c.fip(ext)
        s = web.boot('with-fip', F['m1.small'], IM['debian-12'], nweb)
        port = web.get(NEUTRON + '/ports', params={'device_id': s})['ports'][0]['id']
        f = web.fip(ext, port)
        web.put('disassociate', 'floatingip', f, {'port_id': None}, port=None)
        web.seen('floatingip', f, ('down', 'active'), until=lambda x: x['port_id'] is None)
        web.put('associate', 'floatingip', f, {'port_id': port}, port=port)
        web.seen('floatingip', f, ('down', 'active'), until=lambda x: x['port_id'] == port)

    def short_fips(c, n):
        for _ in range(n):
            f = c.fip(ext)
            time.sleep(BRIEF)
            c.end('floatingip', f)

    def external_port(c, name):
        began = now()
        p = c.post(NEUTRON + '/ports', {'port': {'network_id': ext, 'name': name}})['port']
        truth('port.create', c.name, p['id'], began=began, name=name, network='public', addresses=[i['ip_address'] for i in p['fixed_ips']])
        c.seen('port', p['id'], ('down', 'active'))
        return p['id']

    def ports():
        external_port(batch, 'kept-port')
        p = external_port(web, 'server-port')
        web.boot('on-the-outside', F['m1.tiny'], IM['debian-12'], port=p)
        web.seen('port', p, 'active')
        p = external_port(res, 'short-port')
        time.sleep(BRIEF)
        res.end('port', p)

    def routers():
        r = res.made('router', NEUTRON + '/routers', 'router', {'name': 'short-router', 'external_gateway_info': {'network_id': ext}},
                     name='short-router', gateway=True)['id']
        res.seen('router', r, 'active')
        time.sleep(BRIEF)
        res.end('router', r)
        r = batch.made('router', NEUTRON + '/routers', 'router', {'name': 'gateway-lost'}, name='gateway-lost', gateway=False)['id']
        batch.seen('router', r, 'active')
        batch.put('set-gateway', 'router', r, {'external_gateway_info': {'network_id': ext}})
        batch.seen('router', r, 'active', until=lambda x: x['external_gateway_info'])
        time.sleep(BRIEF)
        batch.put('clear-gateway', 'router', r, {'external_gateway_info': {}})
        batch.seen('router', r, 'active', until=lambda x: not x['external_gateway_info'])

    return [(short_fips, web, 3), (short_fips, res, 2), (fips,), (ports,), (routers,)]


def images(at):
    """Images that were uploaded, and such that Nova made of a server."""
    _, _, F, IM, _, _ = at
    (web, _), (batch, _), (res, nres) = projects(at)

    def uploaded():
        web.image('tenant-image', 8 << 20)
        batch.end('image', batch.image('deleted-image', 2 << 20))

    def short(n):
        for i in range(n):
            began = time.time()
            im = web.image(f'short-image-{i}', (1 + i) << 20)
            time.sleep(max(0, began + BRIEF - time.time()))
            web.end('image', im)

    def of_server():                      # the fake hypervisor has no bytes to give: these stay queued
        s = res.boot('imaged', F['m1.tiny'], IM['debian-12'], nres)
        for name in ('snap-of-imaged', 'snap-deleted'):
            began = now()
            im = res.act(s, 'createImage', None, {'name': name, 'metadata': {}})['image_id']
            truth('image.create', res.name, im, began=began, name=name, by='nova', server=s)
            res.seen('image', im, ('queued', 'active'))
        res.end('image', im)

    return [(short, 3), (uploaded,), (of_server,)]


def others(at):
    """Load balancers, shares, objects: of the services that there are."""
    _, _, _, _, _, nets = at
    (web, nweb), (batch, nbatch), (res, _) = projects(at)
    jobs = []

    def balancer(c, net, name, life):
        subnet = c.get(NEUTRON + '/subnets', params={'network_id': net})['subnets'][0]['id']
        lb = c.made('loadbalancer', OCTAVIA + '/loadbalancers', 'loadbalancer', {'name': name, 'vip_subnet_id': subnet}, name=name)['id']
        c.seen('loadbalancer', lb, 'ACTIVE')
        if life is None:
            c.post(OCTAVIA + '/listeners', {'listener': {
                'name': 'http', 'protocol': 'HTTP', 'protocol_port': 80, 'loadbalancer_id': lb}})
            c.wait(c.url('loadbalancer', lb), 'loadbalancer', 'ACTIVE', field='provisioning_status')
            return
        time.sleep(life)
        c.end('loadbalancer', lb, query='?cascade=true')

    def share(c, name, size, type_='lab-share'):
        s = c.made('share', MANILA + '/shares', 'share', {'name': name, 'share_proto': 'NFS', 'size': size, 'share_type': type_},
                   name=name, size=size, share_type=type_)['id']
        c.seen('share', s, 'available')
        return s

    def resized_share():
        s = share(web, 'files', 2, 'lab-share-fast')
        for action, size in (('extend', 5), ('shrink', 3)):
            began = now()
            web.post(web.url('share', s) + '/action', {action: {'new_size': size}})
            truth('share.' + action, web.name, s, began=began, size=size)
            web.seen('share', s, 'available', until=lambda x: x['size'] == size)
        snap = web.made('share_snapshot', MANILA + '/snapshots', 'snapshot', {'share_id': s, 'name': 'share-snap'},
                        name='share-snap', share=s, size=3)['id']
        web.seen('share_snapshot', snap, 'available')
        web.end('share_snapshot', snap)
        share(res, 'kept-files', 10)

    def short_share():
        began = time.time()
        s = share(batch, 'short-share', 1)
        time.sleep(max(0, began + BRIEF - time.time()))
        batch.end('share', s)

    def objects(c, container, sizes, drop):
        account = f'{SWIFT}/AUTH_{c.pid}'
        held = {}

        def did(what, name, method, size=None):
            began = now()
            c.req(method, f'{account}/{name}', data=b'o' * (size or 0) if method == 'PUT' and size is not None else None)
            truth(what, c.name, name, began=began, **({} if size is None else {'size': size}))

        did('container.create', container, 'PUT')
        for i, size in enumerate(sizes):
            did('object.put', f'{container}/{i}', 'PUT', size)
            held[i] = size
        for i in drop:
            did('object.delete', f'{container}/{i}', 'DELETE', held.pop(i))
        # Swift adds up an account's containers some seconds later.
        end = time.time() + 60
        while time.time() < end:
            h = c.req('HEAD', account).headers
            told = {k: int(h['X-Account-' + n]) for k, n in (('bytes', 'Bytes-Used'), ('objects', 'Object-Count'), ('containers', 'Container-Count'))}
            if told['bytes'] >= sum(held.values()) and told['objects'] >= len(held):
                truth('account.seen', c.name, 'AUTH_' + c.pid, **told)
                return
            time.sleep(0.5)
        raise RuntimeError(f'{account} never held {held}: {told}')

    if 'octavia' in SERVICES:
        jobs += [(balancer, web, nweb, 'short-balancer', BRIEF), (balancer, web, nweb, 'front', None), (balancer, batch, nbatch, 'back', None)]
    if 'manila' in SERVICES:
        jobs += [(resized_share,), (short_share,)]
    if 'swift' in SERVICES:
        jobs += [(objects, web, 'pictures', (1000, 250000, 5 << 20), (1,)), (objects, res, 'results', (3 << 20,) * 4, ())]
    return jobs
