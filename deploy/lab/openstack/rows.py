"""Many servers at once, for paging and load: really built ones, or rows of the database."""
import concurrent.futures as cf
import sys
import time

from cloud import E, NOVA, PW
from tenants import base


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
