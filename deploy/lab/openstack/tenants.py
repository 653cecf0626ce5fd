"""Who there is, and what they find: domains, projects, users, flavors, types, images, networks. Running it again changes nothing."""
from cloud import CINDER, GLANCE, KS, MANILA, NEUTRON, NOVA, PW, SERVICES, Cloud, ensure, truth

# Who pays. Project research carries no contract on purpose: its usage must show up as unattributed.
TAGS = {'web': ['contract:CO-001', 'cost-centre:42'], 'batch': ['contract:CO-002']}


def base():
    """The administrator, a client for each project, flavors, images, the external network, each project's network."""
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
    # an account that sees too little: reader only
    ru = ensure(a, KS + '/users', 'user', {'name': 'meter', 'domain_id': 'default', 'password': PW},
                name='meter', domain_id='default')
    a.req('PUT', f'{KS}/system/users/{ru["id"]}/roles/{roles["reader"]}')
    sp = a.get(KS + '/projects?name=service&domain_id=default')['projects'][0]['id']
    a.req('PUT', f'{KS}/projects/{sp}/users/{ru["id"]}/roles/{roles["reader"]}')
    # the account that a collector should get: deploy/openstack-policy
    role = ensure(a, KS + '/roles', 'role', {'name': 'metering'}, name='metering')
    mu = ensure(a, KS + '/users', 'user', {'name': 'plimsoll-meter', 'domain_id': 'default', 'password': PW},
                name='plimsoll-meter', domain_id='default')
    a.req('PUT', f'{KS}/projects/{sp}/users/{mu["id"]}/roles/{role["id"]}')

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
        'provider:physical_network': 'public', 'shared': True}, name='public')
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
    extras(a)
    return a, clouds, flavors, images, ext['id'], nets


def extras(a):
    """What Manila needs before a share can be made."""
    if 'manila' in SERVICES:
        have = {t['name'] for t in a.get(MANILA + '/types')['share_types']}
        for name in {'lab-share', 'lab-share-fast'} - have:
            a.post(MANILA + '/types', {'share_type': {'name': name, 'extra_specs': {
                'driver_handles_share_servers': 'False', 'snapshot_support': 'True'}}})
