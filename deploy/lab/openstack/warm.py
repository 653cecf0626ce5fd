"""One request to every API, one after the other, before anyone else asks; and a first notification of those that send nothing else through the broker.

Services load their policy with the first request, without a lock: a second request beside it meets an enforcer that has no rules yet, and an administrator is
refused (403 "rule:get_quota is disallowed by policy"; oslo.policy 6.0, neutron 29). An exchange is there from its service's first message on: a queue that is
bound later misses what was sent before.
"""
from cloud import CINDER, GLANCE, MANILA, NEUTRON, NOVA, OCTAVIA, SERVICES, Cloud

admin = Cloud()
for service, url in {
    'neutron': NEUTRON + '/quotas',
    'nova': NOVA + '/servers/detail?all_tenants=1&limit=1',
    'cinder': f'{CINDER}/{admin.pid}/volumes/detail?all_tenants=1&limit=1',
    'glance': GLANCE + '/images?limit=1',
    'octavia': OCTAVIA + '/loadbalancers?limit=1',
    'manila': MANILA + '/shares/detail?all_tenants=1&limit=1',
}.items():
    if service in SERVICES:
        admin.get(url)
if 'glance' in SERVICES:
    image = admin.post(GLANCE + '/images', {'name': 'warm', 'container_format': 'bare', 'disk_format': 'raw'})
    admin.req('DELETE', f'{GLANCE}/images/{image["id"]}')
if 'neutron' in SERVICES:
    network = admin.post(NEUTRON + '/networks', {'network': {'name': 'warm'}})['network']
    admin.req('DELETE', f'{NEUTRON}/networks/{network["id"]}')
