#!/usr/bin/env python3
"""Writes the policy files beside it, from the defaults of the services installed: `python generate.py [DIRECTORY]`.

Nova, Cinder, Glance and Manila show what belongs to other projects only to who is an administrator by their rule `context_is_admin`. So the role is
one there, and every rule that this would open is put back to the role admin; what metering reads is opened by name. A rule that a new release adds
would be open to the role: write the files anew for every release, and let the test of the laboratory prove them.
"""
import pathlib
import re
import sys

from oslo_policy import generator

ROLE = 'metering'
# What metering reads.
READS = {
    'nova': r'''servers:(index|detail|show)(:get_all_tenants)?|servers:show:flavor-extra-specs|servers:allow_all_filters
        |os-instance-actions:(list|show|events|events:details)|os-flavor-access|os-flavor-extra-specs:(index|show)
        |os-hypervisors:(list|list-detail|show)|os-services:list|os-volumes-attachments:(index|show)|os-server-tags:(index|show)
        |extensions|versions|limits|os-availability-zone:list''',
    'cinder': r'''volume:(get|get_all|get_volume_metadata|get_snapshot|get_all_snapshots|get_snapshot_metadata|get_transfer|get_all_transfers)
        |backup:(get|get_all|backup_project_attribute)|volume_extension:(type_get|type_get_all|access_types_extra_specs|volume_tenant_attribute
        |volume_host_attribute|volume_mig_status_attribute|extended_snapshot_attributes|types_extra_specs:(index|show)|services:index)''',
    'neutron': r'''get_(network|network:tags|subnet|subnet:tags|port|port:tags|floatingip|floatingip:tags|router|router:tags)
        |get_network:(provider:network_type|provider:physical_network|provider:segmentation_id)''',
    'glance': r'get_image|get_images|get_members|get_member',
    'keystone': r'identity:(list_projects|get_project|list_project_tags|get_project_tag|list_domains|get_domain)',
    'placement': r'''placement:(resource_providers:(list|show|inventories:list|inventories:show|aggregates:list|usages|traits:list|allocations:list)
        |resource_classes:(list|show)|traits:(list|show)|usages|allocations:list)''',
    'octavia': r'load-balancer:global_observer',
    'manila': r'''share:(get|get_all|list_all_projects)|share_snapshot:(get_snapshot|get_all_snapshots|list_all_projects)
        |share_type:(index|show|default)|share_types_extra_spec:(index|show)|share_replica:(get_all|show)|service:index''',
}
PREFIX = {'nova': 'os_compute_api:'}
# Where the code itself asks for an administrator before it looks at other projects.
AS_ADMIN = {'nova', 'cinder', 'glance', 'manila'}
# Neutron has a rule of its own for who reads everything and writes nothing.
MORE = {'neutron': {'context_with_global_access': f'role:{ROLE}'}}


def or_role(check):
    return f'({check}) or role:{ROLE}' if check else f'role:{ROLE}'


def rules(service):
    """Name to check of the rules that are not as the release has them."""
    reads = re.compile(PREFIX.get(service, '') + '(' + re.sub(r'\s+', '', READS[service]) + ')')
    out = dict(MORE.get(service, {}))
    found = False
    for rule in sorted(generator.get_policies_dict([service])[service], key=lambda r: r.name):
        check = rule.check_str
        if rule.name == 'context_is_admin':
            if service in AS_ADMIN:
                out[rule.name] = f'role:admin or role:{ROLE}'
            continue
        if service in AS_ADMIN:
            check = check.replace('rule:context_is_admin', 'role:admin').replace('is_admin:True', 'role:admin')
        if reads.fullmatch(rule.name):
            found = True
            if check not in ('', '@'):
                check = or_role(check)
        if check != rule.check_str:
            out[rule.name] = check
    if not found:
        sys.exit(f'{service}: none of its rules is in READS')
    return out


def main():
    to = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for service in READS:
        lines = [f'# What the role {ROLE} may do in {service}: see README.md. Written by generate.py; not to be edited.']
        for name, check in rules(service).items():
            lines.append(f'"{name}": "{check}"')
        (to / f'{service}.yaml').write_text('\n'.join(lines) + '\n')


main()
