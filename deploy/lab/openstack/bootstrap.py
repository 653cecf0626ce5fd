"""Service project, service users, catalog. Idempotent; keystone API only."""
import os
import sys

import requests

E = os.environ
URL = E['OS_AUTH_URL']
S = requests.Session()
r = S.post(URL + '/auth/tokens', json={'auth': {
    'identity': {'methods': ['password'], 'password': {'user': {
        'name': 'admin', 'domain': {'id': 'default'},
        'password': E['OS_PASSWORD']}}},
    'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}}}})
r.raise_for_status()
S.headers['X-Auth-Token'] = r.headers['X-Subject-Token']


def one(kind, plural, body, **query):
    got = S.get(f'{URL}/{plural}', params=query).json()[plural]
    if got:
        return got[0]['id']
    r = S.post(f'{URL}/{plural}', json={kind: body})
    if r.status_code >= 300:
        sys.exit(f'{plural}: {r.status_code} {r.text}')
    return r.json()[kind]['id']


proj = one('project', 'projects', {'name': 'service', 'domain_id': 'default'},
           name='service', domain_id='default')
roles = {n: one('role', 'roles', {'name': n}, name=n)
         for n in ('admin', 'service', 'member', 'reader')}
for name in ('placement', 'glance', 'cinder', 'neutron', 'nova', 'octavia', 'manila', 'swift'):
    uid = one('user', 'users', {'name': name, 'domain_id': 'default',
                                'password': E['OS_PASSWORD']},
              name=name, domain_id='default')
    for role in ('admin', 'service'):
        S.put(f'{URL}/projects/{proj}/users/{uid}/roles/{roles[role]}')
# Swift's accounts are shown to an administrator of its resellers alone.
admin = S.get(f'{URL}/users', params={'name': 'admin', 'domain_id': 'default'}).json()['users'][0]['id']
home = S.get(f'{URL}/projects', params={'name': 'admin', 'domain_id': 'default'}).json()['projects'][0]['id']
reseller = one('role', 'roles', {'name': 'ResellerAdmin'}, name='ResellerAdmin')
S.put(f'{URL}/projects/{home}/users/{admin}/roles/{reseller}')
h = 'http://127.0.0.1:'
catalogue = {
    'placement': ('placement', ['placement'], h + E['PLACEMENT_PORT']),
    'glance': ('glance', ['image'], h + E['GLANCE_PORT']),
    'cinder': ('cinder', ['volumev3', 'block-storage'], h + E['CINDER_PORT'] + '/v3/$(project_id)s'),
    'neutron': ('neutron', ['network'], h + E['NEUTRON_PORT']),
    'nova': ('nova', ['compute'], h + E['NOVA_PORT'] + '/v2.1'),
    'octavia': ('octavia', ['load-balancer'], h + E['OCTAVIA_PORT']),
    'manila': ('manila', ['sharev2', 'shared-file-system'], h + E['MANILA_PORT'] + '/v2'),
    'swift': ('swift', ['object-store'], h + E['SWIFT_PORT'] + '/v1/AUTH_$(project_id)s'),
}
for service, (name, types, url) in catalogue.items():
    for type_ in types if service in E['LAB_SERVICES'].split() else ():
        sid = one('service', 'services', {'name': name, 'type': type_}, type=type_)
        for iface in ('public', 'internal', 'admin'):
            one('endpoint', 'endpoints',
                {'service_id': sid, 'interface': iface, 'url': url,
                 'region': E['OS_REGION_NAME']}, service_id=sid, interface=iface)
