"""The cloud as one account sees it: requests, waiting, and a line of truth for everything done or seen."""
import datetime as dt
import json
import os
import threading
import time

import requests

E = os.environ
H = 'http://127.0.0.1:'
KS, NOVA, CINDER, NEUTRON, GLANCE, OCTAVIA, MANILA, SWIFT = (
    H + E['KEYSTONE_PORT'] + '/v3', H + E['NOVA_PORT'] + '/v2.1', H + E['CINDER_PORT'] + '/v3', H + E['NEUTRON_PORT'] + '/v2.0',
    H + E['GLANCE_PORT'] + '/v2', H + E['OCTAVIA_PORT'] + '/v2/lbaas', H + E['MANILA_PORT'] + '/v2', H + E['SWIFT_PORT'] + '/v1')
SERVICES = E['LAB_SERVICES'].split()
PW = E['OS_PASSWORD']
TRUTH = open(os.path.join(E['LAB_DIR'], 'truth.jsonl'), 'a')
LOCK = threading.Lock()
POLL = 0.15                               # seconds between two looks


def now():
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec='milliseconds')


def truth(what, project, id_=None, **kw):
    """One line per thing done or seen, by the client's clock; README.md says what each means.

    `at`: after the request returned. Actions also carry `began`, the clock just before the request was sent: what the action brought about
    happened in [began, at of the first `seen_*` that shows it].
    """
    with LOCK:
        TRUTH.write(json.dumps({'at': now(), 'what': what, 'project': project, 'id': id_, **kw}) + '\n')
        TRUTH.flush()


class Cloud:
    def __init__(self, user='admin', project='admin', domain='Default'):
        self.name = f'{domain}/{project}' if domain != 'Default' else project
        r = requests.post(KS + '/auth/tokens', json={'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': user, 'domain': {'name': domain}, 'password': PW}}},
            'scope': {'project': {'name': project, 'domain': {'name': domain}}}}})
        r.raise_for_status()
        self.pid = r.json()['token']['project']['id']
        self.h = {'X-Auth-Token': r.headers['X-Subject-Token'],
                  'OpenStack-API-Version': 'compute 2.90, volume 3.70, shared-file-system 2.80',
                  'X-OpenStack-Manila-API-Version': '2.80'}

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

    def wait(self, url, key, want, t=300, bad=('error', 'error_deleting', 'error_extending'), field='status', until=None):
        """Looks until `field` is one of `want` (None: until it is gone) and `until(it)`; returns it. Case does not count."""
        wanted = [w.lower() for w in ([want] if isinstance(want, str) else want or ())]
        if want is None:
            bad = ('error_deleting',)     # what is broken may be deleted
        end = time.time() + t
        while time.time() < end:
            r = self.req('GET', url, ok=(200, 404))
            if r.status_code == 404:
                if want is None:
                    return None
                raise RuntimeError('gone: ' + url)
            v = r.json()[key] if key else r.json()
            if str(v[field]).lower() in wanted and (until is None or until(v)):
                return v
            if str(v[field]).lower() in bad:
                raise RuntimeError(f'{url}: {v[field]} {v.get("fault")}')
            time.sleep(POLL)
        raise RuntimeError(f'timeout {url} for {want}')

    # --- anything: what it is called in the truth, where it is, how its answers name it
    def url(self, kind, id_):
        return {
            'server': f'{NOVA}/servers/{id_}', 'volume': self.cv(f'/volumes/{id_}'), 'snapshot': self.cv(f'/snapshots/{id_}'),
            'backup': self.cv(f'/backups/{id_}'), 'image': f'{GLANCE}/images/{id_}', 'floatingip': f'{NEUTRON}/floatingips/{id_}',
            'port': f'{NEUTRON}/ports/{id_}', 'router': f'{NEUTRON}/routers/{id_}', 'loadbalancer': f'{OCTAVIA}/loadbalancers/{id_}',
            'share': f'{MANILA}/shares/{id_}', 'share_snapshot': f'{MANILA}/snapshots/{id_}'}[kind]

    def seen(self, kind, id_, want, t=300, until=None, **kw):
        """Waits for a state (None: gone) and writes the first sight of it, with what it then was; returns it."""
        key = {'image': None, 'share_snapshot': 'snapshot'}.get(kind, kind)
        v = self.wait(self.url(kind, id_), key, want, t=t, field='provisioning_status' if kind == 'loadbalancer' else 'status', until=until)
        told = {k: v[k] for k in ('size', 'volume_type', 'port_id', 'share_type_name') if v and k in v} if kind != 'server' else {}
        state = 'gone' if v is None else v['provisioning_status' if kind == 'loadbalancer' else 'status'].lower()
        truth(f'{kind}.seen_{state}', self.name, id_, **told, **kw)
        return v

    def made(self, kind, url, key, body, headers=None, **kw):
        """Creates something; returns it."""
        began = now()
        v = self.post(url, {key: body} if key else body, headers=headers or {})
        v = v[key] if key else v
        truth(kind + '.create', self.name, v['id'], began=began, **kw)
        return v

    def end(self, kind, id_, wait=True, query=''):
        """Deletes something, and waits until it is gone."""
        began = now()
        self.req('DELETE', self.url(kind, id_) + query)
        truth(kind + '.delete', self.name, id_, began=began)
        if wait:
            self.seen(kind, id_, None)

    # --- nova
    def boot(self, name, flavor, image=None, net=None, port=None, wait='ACTIVE', **extra):
        b = {'name': name, 'flavorRef': flavor['id'],
             'networks': [{'port': port}] if port else [{'uuid': net}] if net else 'none', **extra}
        if image:
            b['imageRef'] = image
        sid = self.made('server', NOVA + '/servers', 'server', b, name=name, flavor=flavor['name'])['id']
        if wait:
            self.seen('server', sid, wait)
        return sid

    def act(self, sid, action, want=None, body=None, **kw):
        began = now()
        answer = self.post(f'{NOVA}/servers/{sid}/action', {action: body})
        truth('server.' + action, self.name, sid, body=body, began=began, **kw)
        if want:
            self.seen('server', sid, want)
        return answer

    def resize(self, sid, flavor):
        self.act(sid, 'resize', 'VERIFY_RESIZE', {'flavorRef': flavor['id']}, flavor=flavor['name'])

    def kill(self, sid, wait=True):
        self.end('server', sid, wait)

    # --- cinder
    def cv(self, path):
        return f'{CINDER}/{self.pid}{path}'

    def volume(self, name, size, wait='available', **kw):
        began = now()
        v = self.post(self.cv('/volumes'), {'volume': {'name': name, 'size': size, **kw}})['volume']
        truth('volume.create', self.name, v['id'], began=began, name=name, **dict(kw, size=v['size'], volume_type=v['volume_type']))
        if wait:
            self.seen('volume', v['id'], wait)
        return v['id']

    def vact(self, vid, action, body, want='available', until=None):
        began = now()
        answer = self.post(self.cv(f'/volumes/{vid}/action'), {action: body})
        truth('volume.' + action, self.name, vid, body=body, began=began)
        if want:
            self.seen('volume', vid, want, until=until)
        return answer

    def attach(self, sid, vid):
        began = now()
        self.post(f'{NOVA}/servers/{sid}/os-volume_attachments', {'volumeAttachment': {'volumeId': vid}})
        truth('volume.attach', self.name, vid, began=began, server=sid)
        self.seen('volume', vid, 'in-use')

    def detach(self, sid, vid):
        began = now()
        self.req('DELETE', f'{NOVA}/servers/{sid}/os-volume_attachments/{vid}')
        truth('volume.detach', self.name, vid, began=began, server=sid)
        self.seen('volume', vid, 'available')

    def snapshot(self, vid, name, size, wait='available', **kw):
        s = self.made('snapshot', self.cv('/snapshots'), 'snapshot', {'volume_id': vid, 'name': name, **kw}, name=name, volume=vid, size=size)['id']
        if wait:
            self.seen('snapshot', s, wait)
        return s

    def backup(self, vid, name, size, wait='available', **kw):
        b = self.made('backup', self.cv('/backups'), 'backup', {'volume_id': vid, 'name': name, **kw}, name=name, volume=vid, size=size, **kw)['id']
        if wait:
            self.seen('backup', b, wait)
        return b

    # --- glance
    def image(self, name, size, **kw):
        i = self.made('image', GLANCE + '/images', None, {'name': name, 'disk_format': 'raw', 'container_format': 'bare', **kw}, name=name)['id']
        began = now()
        self.req('PUT', f'{GLANCE}/images/{i}/file', data=b'x' * size, headers={'Content-Type': 'application/octet-stream'})
        truth('image.upload', self.name, i, began=began, size=size)
        self.seen('image', i, 'active')
        return i

    # --- neutron
    def fip(self, extnet, port=None):
        b = {'floating_network_id': extnet, **({'port_id': port} if port else {})}
        began = now()
        f = self.post(NEUTRON + '/floatingips', {'floatingip': b})['floatingip']
        truth('floatingip.create', self.name, f['id'], began=began, address=f['floating_ip_address'], port=port)
        self.seen('floatingip', f['id'], ('down', 'active'))
        return f['id']

    def put(self, what, kind, id_, body, **kw):
        """Changes something of Neutron's; returns what it is now."""
        began = now()
        v = self.req('PUT', self.url(kind, id_), json={kind: body}).json()[kind]
        truth(f'{kind}.{what}', self.name, id_, began=began, **kw)
        return v


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
