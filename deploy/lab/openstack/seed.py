"""Seed the lab with tenants and usage; writes ground truth to truth.jsonl.

seed              the full scenario (about two minutes on 2 cores)
seed --base       tenants, flavors, images and networks only
seed --clone N    N more servers as database rows (seconds): for paging tests
seed --scale N    N more servers really built (no network) in project acme/web
seed --wipe-scale delete them again
"""
import argparse
import concurrent.futures as cf
import datetime as dt
import json
import os
import sys
import threading
import time

import requests

E = os.environ
H = 'http://127.0.0.1:'
KS, NOVA, CINDER, NEUTRON, GLANCE = (
    H + E['KEYSTONE_PORT'] + '/v3', H + E['NOVA_PORT'] + '/v2.1',
    H + E['CINDER_PORT'] + '/v3', H + E['NEUTRON_PORT'] + '/v2.0',
    H + E['GLANCE_PORT'] + '/v2')
TRUTH = open(os.path.join(E['LAB_DIR'], 'truth.jsonl'), 'a')
LOCK = threading.Lock()
PW = E['OS_PASSWORD']
# Who pays. Project research carries no contract on purpose: its usage must show up as unattributed.
TAGS = {'web': ['contract:CO-001', 'cost-centre:42'], 'batch': ['contract:CO-002']}


def now():
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec='milliseconds')


def truth(what, project, id_=None, **kw):
    """One line per thing the client did or saw, with the client's clock.

    `at`: after the request returned. Actions on servers also carry `began`,
    the clock just before the request was sent: what the action brought about
    happened in [began, at of the first `server.seen_*` that shows it].
    """
    with LOCK:
        TRUTH.write(json.dumps({'at': now(), 'what': what, 'project': project,
                                'id': id_, **kw}) + '\n')
        TRUTH.flush()


class Cloud:
    def __init__(self, user='admin', project='admin', domain='Default'):
        self.name = f'{domain}/{project}' if domain != 'Default' else project
        self.s = requests.Session()
        r = self.s.post(KS + '/auth/tokens', json={'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': user, 'domain': {'name': domain}, 'password': PW}}},
            'scope': {'project': {'name': project,
                                  'domain': {'name': domain}}}}})
        r.raise_for_status()
        self.pid = r.json()['token']['project']['id']
        self.h = {'X-Auth-Token': r.headers['X-Subject-Token'],
                  'OpenStack-API-Version': 'compute 2.90, volume 3.70'}

    def req(self, method, url, ok=(200, 201, 202, 204, 300), **kw):
        h = dict(self.h, **kw.pop('headers', {}))
        for attempt in range(4):
            last = attempt == 3
            try:
                r = requests.request(method, url, headers=h, timeout=300, **kw)
            except requests.ConnectionError:
                # A request that may have been carried out is not sent again: it would be done twice, or be refused for what it did itself.
                if last or method != 'GET':
                    raise
                time.sleep(1 + attempt)
                continue
            # 409: refused, as another action is still under way
            if not last and (r.status_code == 409 or (r.status_code == 503 and method == 'GET')):
                time.sleep(1 + attempt)
                continue
            break
        if ok and r.status_code not in ok:
            raise RuntimeError(f'{method} {url}: {r.status_code} {r.text[:400]}')
        return r

    def get(self, url, **kw):
        return self.req('GET', url, **kw).json()

    def post(self, url, body, **kw):
        r = self.req('POST', url, json=body, **kw)
        return r.json() if r.content and 'json' in r.headers.get('Content-Type', '') else {}

    def wait(self, url, key, want, t=300, bad=('ERROR', 'error')):
        end = time.time() + t
        while time.time() < end:
            r = self.req('GET', url, ok=(200, 404))
            if r.status_code == 404:
                if want is None:
                    return None
                raise RuntimeError('gone: ' + url)
            v = r.json()[key]
            if want is not None and v['status'] in (want if isinstance(want, tuple) else (want,)):
                return v
            if v['status'] in bad and want not in bad:
                raise RuntimeError(f'{url}: {v["status"]} {v.get("fault")}')
            time.sleep(0.3)
        raise RuntimeError(f'timeout {url} for {want}')

    # --- nova
    def boot(self, name, flavor, image=None, net=None, wait='ACTIVE', **extra):
        b = {'name': name, 'flavorRef': flavor['id'],
             'networks': [{'uuid': net}] if net else 'none', **extra}
        if image:
            b['imageRef'] = image
        began = now()
        sid = self.post(NOVA + '/servers', {'server': b})['server']['id']
        truth('server.create', self.name, sid, name=name, flavor=flavor['name'], began=began)
        if wait:
            self.wait(f'{NOVA}/servers/{sid}', 'server', wait)
            truth('server.seen_' + wait.lower(), self.name, sid)
        return sid

    def act(self, sid, action, want=None, body=None, bad=('ERROR',), **kw):
        began = now()
        self.post(f'{NOVA}/servers/{sid}/action', {action: body})
        truth('server.' + action, self.name, sid, body=body, began=began, **kw)
        if want:
            self.wait(f'{NOVA}/servers/{sid}', 'server', want, bad=bad)
            truth('server.seen_' + (want if isinstance(want, str) else want[0]).lower(), self.name, sid)

    def resize(self, sid, flavor):
        self.act(sid, 'resize', 'VERIFY_RESIZE', {'flavorRef': flavor['id']}, flavor=flavor['name'])

    def kill(self, sid, wait=True):
        began = now()
        self.req('DELETE', f'{NOVA}/servers/{sid}')
        truth('server.delete', self.name, sid, began=began)
        if wait:
            self.wait(f'{NOVA}/servers/{sid}', 'server', None, bad=())
            truth('server.seen_gone', self.name, sid)

    # --- cinder
    def cv(self, path):
        return f'{CINDER}/{self.pid}{path}'

    def volume(self, name, size, wait='available', **kw):
        vid = self.post(self.cv('/volumes'), {'volume': {'name': name, 'size': size, **kw}})['volume']['id']
        truth('volume.create', self.name, vid, name=name, size=size, **kw)
        if wait:
            self.wait(self.cv('/volumes/' + vid), 'volume', wait)
        return vid

    def vact(self, vid, body, want='available'):
        self.post(self.cv(f'/volumes/{vid}/action'), body)
        truth('volume.' + next(iter(body)), self.name, vid, body=next(iter(body.values())))
        if want:
            return self.wait(self.cv('/volumes/' + vid), 'volume', want)

    def drop(self, kind, id_, wait=True):
        self.req('DELETE', self.cv(f'/{kind}s/{id_}'))
        truth(kind + '.delete', self.name, id_)
        if wait:
            self.wait(self.cv(f'/{kind}s/{id_}'), kind, None)

    # --- neutron
    def fip(self, extnet, port=None):
        b = {'floating_network_id': extnet}
        if port:
            b['port_id'] = port
        f = self.post(NEUTRON + '/floatingips', {'floatingip': b})['floatingip']
        truth('floatingip.create', self.name, f['id'], address=f['floating_ip_address'], port=port)
        return f['id']


def ensure(c, url, key, body, **query):
    """What `query` finds, else made. An answer that leaves open whether it was made (none, a 5xx, a conflict) sends us to look again."""
    plural = url.rsplit('/', 1)[1].replace('-', '_')
    for attempt in range(5):
        found = c.get(url, params=query)[plural]
        for it in found:
            if all(it.get(k) == v for k, v in query.items()):
                return it
        try:
            r = c.req('POST', url, ok=None, json={key: body})
        except requests.ConnectionError as e:
            said = str(e)
        else:
            if r.status_code in (200, 201):
                return r.json()[key]
            said = f'{r.status_code} {r.text[:400]}'
            if r.status_code < 500 and r.status_code != 409:
                break
        time.sleep(1 + attempt)
    raise RuntimeError(f'POST {url}: {said}; GET with {query} answers {found}')


def base():
    """Idempotent part: domains, projects, users, flavors, images, networks."""
    a = Cloud()
    roles = {r['name']: r['id'] for r in a.get(KS + '/roles')['roles']}
    projects = {}
    me = a.get(KS + '/users?name=admin&domain_id=default')['users'][0]['id']
    for dom, projs in (('acme', ('web', 'batch')), ('globex', ('research',))):
        d = ensure(a, KS + '/domains', 'domain', {'name': dom}, name=dom)
        for p in projs:
            pr = ensure(a, KS + '/projects', 'project',
                        {'name': p, 'domain_id': d['id'], 'description': f'tenant {p}'},
                        name=p, domain_id=d['id'])
            tags = TAGS.get(p, [])
            if sorted(pr.get('tags', [])) != sorted(tags):
                a.req('PUT', f'{KS}/projects/{pr["id"]}/tags', json={'tags': tags})
            truth('project', f'{dom}/{p}', pr['id'], tags=tags)
            u = ensure(a, KS + '/users', 'user',
                       {'name': p + '-user', 'domain_id': d['id'], 'password': PW},
                       name=p + '-user', domain_id=d['id'])
            a.req('PUT', f'{KS}/projects/{pr["id"]}/users/{u["id"]}/roles/{roles["member"]}')
            a.req('PUT', f'{KS}/projects/{pr["id"]}/users/{me}/roles/{roles["admin"]}')
            projects[f'{dom}/{p}'] = (p + '-user', p, dom)
    # an account a metering collector would really get: reader only
    ru = ensure(a, KS + '/users', 'user', {'name': 'meter', 'domain_id': 'default', 'password': PW},
                name='meter', domain_id='default')
    a.req('PUT', f'{KS}/system/users/{ru["id"]}/roles/{roles["reader"]}')
    sp = a.get(KS + '/projects?name=service&domain_id=default')['projects'][0]['id']
    a.req('PUT', f'{KS}/projects/{sp}/users/{ru["id"]}/roles/{roles["reader"]}')

    flavors = {}
    for name, cpu, ram, disk, eph, swap, extra in (
            ('m1.tiny', 1, 512, 1, 0, 0, {}), ('m1.small', 1, 2048, 20, 0, 0, {}),
            ('m1.medium', 2, 4096, 40, 0, 0, {}), ('c4.large', 4, 8192, 40, 10, 1024, {'hw:cpu_policy': 'shared'}),
            ('bfv.small', 1, 2048, 0, 0, 0, {}), ('huge', 100000, 512, 1, 0, 0, {})):
        f = next((x for x in a.get(NOVA + '/flavors/detail')['flavors'] if x['name'] == name), None)
        if not f:
            f = a.post(NOVA + '/flavors', {'flavor': {
                'name': name, 'vcpus': cpu, 'ram': ram, 'disk': disk, 'OS-FLV-EXT-DATA:ephemeral': eph,
                'swap': swap}})['flavor']
            if extra:
                a.post(f'{NOVA}/flavors/{f["id"]}/os-extra_specs', {'extra_specs': extra})
        flavors[name] = f
    have = {t['name'] for t in a.get(f'{CINDER}/{a.pid}/types')['volume_types']}
    for t in ('ssd', 'hdd'):
        if 'lab-' + t not in have:
            a.post(f'{CINDER}/{a.pid}/types', {'volume_type': {
                'name': 'lab-' + t, 'extra_specs': {'volume_backend_name': t}}})
    images = {}
    for name, props in (('debian-12', {'os_distro': 'debian'}), ('windows-2022', {'os_distro': 'windows', 'license': 'paid'})):
        got = a.get(GLANCE + '/images', params={'name': name})['images']
        got = [g for g in got if g['status'] == 'active']
        if not got:
            im = a.post(GLANCE + '/images', {'name': name, 'disk_format': 'raw', 'container_format': 'bare',
                                             'visibility': 'public', 'min_disk': 0, **props})
            a.req('PUT', f'{GLANCE}/images/{im["id"]}/file', data=b'\0' * (4 << 20),
                  headers={'Content-Type': 'application/octet-stream'})
            got = [im]
        images[name] = got[0]['id']
    ext = ensure(a, NEUTRON + '/networks', 'network', {
        'name': 'public', 'router:external': True, 'provider:network_type': 'flat',
        'provider:physical_network': 'public'}, name='public')
    ensure(a, NEUTRON + '/subnets', 'subnet', {
        'name': 'public-v4', 'network_id': ext['id'], 'cidr': '198.18.0.0/16', 'ip_version': 4,
        'enable_dhcp': False}, name='public-v4')
    clouds, nets = {}, {}
    for key, (u, p, d) in projects.items():
        c = clouds[key] = Cloud(u, p, d)
        n = ensure(c, NEUTRON + '/networks', 'network', {'name': p + '-net'}, name=p + '-net', project_id=c.pid)
        s = ensure(c, NEUTRON + '/subnets', 'subnet', {
            'name': p + '-subnet', 'network_id': n['id'], 'cidr': '10.0.0.0/16', 'ip_version': 4},
            name=p + '-subnet', project_id=c.pid)
        r = ensure(c, NEUTRON + '/routers', 'router', {
            'name': p + '-router', 'external_gateway_info': {'network_id': ext['id']}},
            name=p + '-router', project_id=c.pid)
        ifs = c.get(NEUTRON + '/ports', params={'device_id': r['id'], 'device_owner': 'network:router_interface'})['ports']
        if not ifs:
            c.req('PUT', f'{NEUTRON}/routers/{r["id"]}/add_router_interface', json={'subnet_id': s['id']})
        nets[key] = n['id']
    return a, clouds, flavors, images, ext['id'], nets


def scenario():
    t0 = time.time()
    a, clouds, F, IM, ext, nets = base()
    print(f'base ready {time.time() - t0:.1f}s', file=sys.stderr)
    web, batch, res = (clouds[k] for k in ('acme/web', 'acme/batch', 'globex/research'))
    deb, win = IM['debian-12'], IM['windows-2022']
    nweb, nbatch, nres = (nets[k] for k in ('acme/web', 'acme/batch', 'globex/research'))
    jobs, errs = [], []

    def steady(c, n, net, fl, im, i):
        c.boot(f'{n}-{i}', F[fl], im, net, metadata={'team': n, 'env': 'prod'})

    def short_active():
        s = web.boot('short-active', F['m1.tiny'], deb, nweb)
        web.kill(s)

    def short_blind():                    # deleted without waiting for ACTIVE
        s = web.boot('short-blind', F['m1.tiny'], deb, nweb, wait=None)
        time.sleep(0.2)
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
        res.wait(f'{NOVA}/servers/{s}', 'server', 'ERROR', bad=())
        truth('server.seen_error', res.name, s)

    def deleted_stopped():
        s = res.boot('deleted-while-stopped', F['m1.small'], deb, nres)
        res.act(s, 'os-stop', 'SHUTOFF')
        res.kill(s)

    def snap_image():
        s = res.boot('imaged', F['m1.tiny'], deb, nres)
        res.act(s, 'createImage', None, {'name': 'snap-of-imaged', 'metadata': {}})

    def vol_attach():
        s = web.boot('with-volume', F['m1.small'], deb, nweb)
        v = web.volume('data', 5)
        web.post(f'{NOVA}/servers/{s}/os-volume_attachments', {'volumeAttachment': {'volumeId': v}})
        truth('volume.attach', web.name, v, server=s)
        web.wait(web.cv('/volumes/' + v), 'volume', 'in-use')
        v2 = web.volume('scratch', 2)
        web.post(f'{NOVA}/servers/{s}/os-volume_attachments', {'volumeAttachment': {'volumeId': v2}})
        truth('volume.attach', web.name, v2, server=s)
        web.wait(web.cv('/volumes/' + v2), 'volume', 'in-use')
        web.req('DELETE', f'{NOVA}/servers/{s}/os-volume_attachments/{v2}')
        truth('volume.detach', web.name, v2, server=s)
        web.wait(web.cv('/volumes/' + v2), 'volume', 'available')

    def vol_life():
        v = batch.volume('grown', 1)
        batch.vact(v, {'os-extend': {'new_size': 3}})
        batch.vact(v, {'os-retype': {'new_type': 'lab-hdd', 'migration_policy': 'on-demand'}})
        sid = batch.post(batch.cv('/snapshots'), {'snapshot': {'volume_id': v, 'name': 'snap'}})['snapshot']['id']
        truth('snapshot.create', batch.name, sid, volume=v)
        batch.wait(batch.cv('/snapshots/' + sid), 'snapshot', 'available')
        batch.volume('from-snap', 3, snapshot_id=sid)
        s2 = batch.post(batch.cv('/snapshots'), {'snapshot': {'volume_id': v, 'name': 'snap-deleted'}})['snapshot']['id']
        truth('snapshot.create', batch.name, s2, volume=v)
        batch.wait(batch.cv('/snapshots/' + s2), 'snapshot', 'available')
        batch.drop('snapshot', s2)

    def vol_short():
        v = web.volume('short-volume', 3)
        web.drop('volume', v)

    def vol_hdd():
        res.volume('archive', 50, volume_type='lab-hdd')
        res.volume('from-image', 2, imageRef=deb)

    def vol_transfer():                   # the owner changes: two tenants pay
        v = web.volume('handed-over', 4)
        t = web.post(web.cv('/volume-transfers'), {'transfer': {'volume_id': v, 'name': 't'}})['transfer']
        res.post(res.cv(f'/volume-transfers/{t["id"]}/accept'), {'accept': {'auth_key': t['auth_key']}})
        truth('volume.transfer', web.name, v, to=res.name)
        res.wait(res.cv('/volumes/' + v), 'volume', 'available')

    def backup():
        v = res.volume('backed-up', 1)
        for i in range(2):
            b = res.post(res.cv('/backups'), {'backup': {'volume_id': v, 'name': f'bk{i}'}})['backup']['id']
            truth('backup.create', res.name, b, volume=v)
            res.wait(res.cv('/backups/' + b), 'backup', 'available')
        res.drop('backup', b)

    def fips():
        for c, n in ((web, 3), (res, 2), (batch, 1)):
            for _ in range(n):
                c.fip(ext)
        s = web.boot('with-fip', F['m1.small'], deb, nweb)
        port = web.get(NEUTRON + '/ports', params={'device_id': s})['ports'][0]['id']
        f = web.fip(ext, port)
        g = web.fip(ext)                  # short-lived
        web.req('PUT', f'{NEUTRON}/floatingips/{g}', json={'floatingip': {'port_id': port}}, ok=None)
        web.req('DELETE', f'{NEUTRON}/floatingips/{g}')
        truth('floatingip.delete', web.name, g)
        web.req('PUT', f'{NEUTRON}/floatingips/{f}', json={'floatingip': {'port_id': None}})
        truth('floatingip.disassociate', web.name, f)
        web.req('PUT', f'{NEUTRON}/floatingips/{f}', json={'floatingip': {'port_id': port}})
        truth('floatingip.associate', web.name, f, port=port)

    def router_short():
        r = res.post(NEUTRON + '/routers', {'router': {'name': 'short-router', 'external_gateway_info': {'network_id': ext}}})['router']['id']
        truth('router.create', res.name, r)
        res.req('DELETE', f'{NEUTRON}/routers/{r}')
        truth('router.delete', res.name, r)

    def image_short():
        im = web.post(GLANCE + '/images', {'name': 'tenant-image', 'disk_format': 'raw', 'container_format': 'bare'})['id']
        web.req('PUT', f'{GLANCE}/images/{im}/file', data=b'x' * (8 << 20), headers={'Content-Type': 'application/octet-stream'})
        truth('image.create', web.name, im, size=8 << 20)
        im = web.post(GLANCE + '/images', {'name': 'short-image', 'disk_format': 'raw', 'container_format': 'bare'})['id']
        web.req('PUT', f'{GLANCE}/images/{im}/file', data=b'y' * (1 << 20), headers={'Content-Type': 'application/octet-stream'})
        truth('image.create', web.name, im, size=1 << 20)
        web.req('DELETE', f'{GLANCE}/images/{im}')
        truth('image.delete', web.name, im)

    # the short-lived server runs alone first, so that its life is short even
    # where the machine is loaded
    for f in (short_active, short_blind):
        try:
            f()
        except Exception as e:            # noqa
            errs.append((f.__name__, e))
    for i in range(4):
        jobs += [(steady, (web, 'web', nweb, 'm1.small', deb, i)), (steady, (batch, 'batch', nbatch, 'c4.large', deb, i))]
    for i in range(3):
        jobs += [(steady, (res, 'win', nres, 'm1.medium', win, i))]
    jobs += [(f, ()) for f in (
        stopped, stopstart, resized, reverted, resized_twice_deleted, shelved, shelve_unshelve, suspended, paused,
        rebuilt, failed, deleted_stopped, snap_image, vol_attach, vol_life, vol_short, vol_hdd, vol_transfer, backup,
        fips, router_short, image_short)]
    with cf.ThreadPoolExecutor(4) as ex:
        fut = {ex.submit(f, *args): f.__name__ for f, args in jobs}
        for x in cf.as_completed(fut):
            if x.exception():
                errs.append((fut[x], x.exception()))
    for n, e in errs:
        print(f'seed: {n}: {e}', file=sys.stderr)
    print(f'seeded in {time.time() - t0:.1f}s, {len(errs)} failed steps; truth in {TRUTH.name}', file=sys.stderr)
    return 1 if errs else 0


def scale(n):
    a, clouds, F, IM, ext, nets = base()
    c = clouds['acme/web']
    t0 = time.time()
    left = n
    while left > 0:
        k = min(left, 100)
        c.post(NOVA + '/servers', {'server': {
            'name': 'scale', 'flavorRef': F['m1.tiny']['id'], 'imageRef': IM['debian-12'], 'networks': 'none',
            'min_count': k, 'max_count': k, 'return_reservation_id': True}})
        left -= k
        print(f'{time.time() - t0:6.1f}s asked for {n - left}', file=sys.stderr)
    end = time.time() + 3600
    while time.time() < end:
        busy = len(c.get(NOVA + '/servers', params={'name': 'scale', 'status': 'BUILD', 'limit': 1000})['servers'])
        print(f'{time.time() - t0:6.1f}s building {busy}', file=sys.stderr)
        if not busy:
            break
        time.sleep(5)
    return 0


def wipe():
    a, clouds, *_ = base()
    c = clouds['acme/web']
    while True:
        ss = c.get(NOVA + '/servers', params={'name': 'scale', 'limit': 1000})['servers']
        if not ss:
            return 0
        with cf.ThreadPoolExecutor(4) as ex:
            list(ex.map(lambda s: c.req('DELETE', f'{NOVA}/servers/{s["id"]}', ok=None), ss))
        time.sleep(3)


def clone(n):
    """N more servers by copying rows of one real server in nova's database.

    Builds through nova-compute cost one placement GET per server already on
    the host (O(n^2)); rows cost nothing, and the API answers from them as from
    any others. Ages are spread over 30 days, every tenth one is DELETED.
    """
    import pymysql
    a, clouds, F, IM, ext, nets = base()
    pids = [c.pid for c in clouds.values()]
    src = clouds['acme/web'].get(NOVA + '/servers?status=ACTIVE&limit=1')['servers'][0]['id']
    db = pymysql.connect(unix_socket=E['LAB_SOCK'], user='lab', password=PW,
                         autocommit=False)
    cur = db.cursor()
    t0 = time.time()
    cur.execute('CREATE TEMPORARY TABLE nova.lab_new (uuid varchar(36) primary key, n int, pid varchar(64), born datetime,'
                ' died datetime) ENGINE=InnoDB')
    pick = 'ELT(1 + seq %% 3, %s, %s, %s)'
    cur.execute('INSERT INTO nova.lab_new SELECT UUID(), seq, ' + pick + ', UTC_TIMESTAMP() - INTERVAL (seq * 7919 %% 2592000) SECOND,'
                ' IF(seq %% 10 = 0, UTC_TIMESTAMP() - INTERVAL (seq * 7919 %% 2592000) * 0.5 SECOND, NULL)'
                f' FROM nova.seq_1_to_{n}', pids)

    def copy(schema, table, key, over, where):
        cur.execute('SELECT column_name, extra FROM information_schema.columns WHERE table_schema=%s AND table_name=%s',
                    (schema, table))
        cols = [c for c, extra in cur.fetchall() if 'auto_increment' not in extra and 'GENERATED' not in extra.upper()]
        expr = [over.get(c, 't.`%s`' % c) for c in cols]
        cur.execute(f'INSERT INTO {schema}.{table} ({",".join("`%s`" % c for c in cols)}) SELECT {",".join(expr)}'
                    f' FROM nova.lab_new x JOIN {schema}.{table} t ON t.{key} = %s WHERE {where}', (src,))
        return cur.rowcount

    when = {'created_at': 'x.born', 'updated_at': 'COALESCE(x.died, x.born)', 'deleted_at': 'x.died'}
    cur.execute("SELECT vm_state FROM nova.instances WHERE uuid=%s", (src,))
    copy('nova', 'instances', 'uuid', {
        **when, 'uuid': 'x.uuid', 'project_id': 'x.pid', 'display_name': "CONCAT('clone-', x.n)",
        'hostname': "CONCAT('clone-', x.n)", 'launched_at': 'x.born + INTERVAL 9 SECOND', 'terminated_at': 'x.died',
        'vm_state': "IF(x.died IS NULL, t.vm_state, 'deleted')", 'cleaned': '1',
        # soft-deleted rows carry their own id in "deleted"; it is set below
        'deleted': '0'}, 't.deleted = 0')
    cur.execute('UPDATE nova.instances i JOIN nova.lab_new x ON x.uuid = i.uuid SET i.deleted = i.id WHERE x.died IS NOT NULL')
    for t in ('instance_extra', 'instance_info_caches'):
        copy('nova', t, 'instance_uuid', {'instance_uuid': 'x.uuid', **({'network_info': "'[]'"} if 'info' in t else {})}, 't.deleted = 0')
    copy('nova', 'instance_system_metadata', 'instance_uuid', {'instance_uuid': 'x.uuid'}, 't.deleted = 0')
    copy('nova_api', 'instance_mappings', 'instance_uuid', {
        'instance_uuid': 'x.uuid', 'project_id': 'x.pid', 'queued_for_delete': 'x.died IS NOT NULL'}, '1')
    db.commit()
    print(f'{n} rows in {time.time() - t0:.1f}s', file=sys.stderr)
    return 0


ap = argparse.ArgumentParser()
ap.add_argument('--scale', type=int)
ap.add_argument('--clone', type=int)
ap.add_argument('--wipe-scale', action='store_true')
ap.add_argument('--base', action='store_true')
o = ap.parse_args()
sys.exit(clone(o.clone) if o.clone else scale(o.scale) if o.scale else wipe() if o.wipe_scale else (base() and 0) if o.base else scenario())
