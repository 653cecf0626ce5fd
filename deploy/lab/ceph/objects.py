"""The S3 part of the seed: who does what in which hour, and what RGW's usage log and bucket statistics have to say of it."""
import hashlib
import json
import os
import random
import time

import s3

HOUR = 3600
# Keystone's project ids are hexadecimal: some begin with 0 or 1, and RGW counts a user of such a name twice where a question names no end.
ZERO, ONE = '0b1f6c1e2f3a4d5c8e9fa0b1c2d3e4f5', '17c0ffee5a1e4b0f9d8c7b6a59483726'
# tenant, user, further arguments
USERS = [('acme', 'alice', ()), ('acme', 'bob', ()), ('globex', 'carol', ()), ('', 'dave', ()), ('', 'idle', ()), (ZERO, ZERO, ()), (ONE, ONE, ()),
         ('', '0zero', ()), ('', '1one', ()), ('', 'robot', ('--system',))]
PART = 5 << 20
# The category in RGW's log, and the class in which plimsoll counts it.
CLASS = {
    'get_obj': 'read', 'stat_bucket': 'read', 'put_obj': 'write', 'copy_obj': 'write', 'create_bucket': 'write', 'init_multipart': 'write',
    'complete_multipart': 'write', 'list_bucket': 'list', 'list_buckets': 'list', 'delete_obj': 'delete', 'delete_bucket': 'delete',
    'abort_multipart': 'delete', 'put_bucket_policy': 'other', 'set_request_payment': 'other', 'set_bucket_versioning': 'other',
}


def blob(size, seed):
    return random.Random(seed).randbytes(size)


class Book:
    """Counts what was asked and answered, by (owner, payer, bucket, hour, category), and what each bucket holds."""

    def __init__(self, lab):
        self.lab, self.rows = lab, {}
        self.trimmed = {}  # what of a row RGW has forgotten
        self.lost = {}     # rows that a killed RGW may have told less of, with what they had for sure
        self.holds = {}    # (tenant, bucket) -> {'owner', 'class', 'objects': {key: [size, ...]}, 'parts': {(key, n): size}, 'versions'}

    def users(self):
        for tenant, name, more in USERS:
            uid = tenant + '$' + name if tenant else name
            keys = ('LAB' + uid.upper().replace('$', '')[:17], 'secret-of-' + uid.replace('$', '-'))
            self.lab.run('radosgw-admin', 'user', 'create', '--uid', name, *(('--tenant', tenant) if tenant else ()), '--display-name', name,
                         '--access-key', keys[0], '--secret-key', keys[1], *more)
            self.lab.manifest['users'][uid] = {'tenant': tenant, 'uid': name, 'access_key': keys[0], 'secret_key': keys[1]}

    def count(self, user, bucket, category, ok, received, sent, payer=None):
        hour = int(s3.now()) // HOUR * HOUR
        row = self.rows.setdefault((hour, user, payer or '', bucket, category), [0, 0, 0, 0])
        for i, n in enumerate((1, int(ok), received, sent)):
            row[i] += n

    def rows_json(self):
        names = ('requests', 'successful', 'bytes_in', 'bytes_out')
        out = []
        for k, row in sorted(self.rows.items()):
            hour, user, payer, bucket, category = k
            out.append({'hour': hour, 'user': user, 'payer': payer or None, 'bucket': bucket, 'category': category, 'class': CLASS[category],
                        **dict(zip(names, row)), **({'at_least': dict(zip(names, self.lost[k]))} if k in self.lost else {})})
        return out

    def buckets_json(self, at):
        """What every bucket holds, once RGW was asked at `at`."""
        out = []
        for (tenant, name), b in sorted(self.holds.items()):
            sizes = [s for versions in b['objects'].values() for s in versions] + list(b['parts'].values())
            out.append({'at': at, 'tenant': tenant, 'bucket': name, 'owner': b['owner'], 'storage_class': b['class'], 'bytes': sum(sizes), 'objects': len(sizes),
                        'open_uploads': len({key for key, _ in b['parts']})})
        return out


class User:
    """Requests of one user: each is sent once, and entered in the book as RGW is known to log it."""

    def __init__(self, book, uid):
        self.book, self.uid = book, uid
        user = book.lab.manifest['users'].get(uid)
        self.tenant = user['tenant'] if user else ''
        self.keys = (user['access_key'], user['secret_key']) if user else None
        self.home = 'container' if self.tenant else 'container-of-' + uid

    def ask(self, category, method, bucket, key='', query=None, body=b'', headers=None, expect=200, tenant=None, billed=True, row=None):
        """`tenant`: the bucket's, where it is not ours. `row`: what the log calls the bucket, where it does not name it."""
        owner_tenant = self.tenant if tenant is None else tenant
        path = '/' + ('' if tenant is None else tenant + ':') + bucket + ('/' + key if key else '')
        status, answer, _, sent = s3.request(self.keys, method, path, query, body, headers)
        if status != expect:
            raise SystemExit('%s: %s %s %s: %d instead of %d: %s' % (self.uid, method, path, query or '', status, expect, answer[:300]))
        if billed and self.uid != 'robot':
            hold = self.book.holds.get((owner_tenant, bucket))
            user, payer = (hold['owner'] if hold else self.uid), None
            if (headers or {}).get('x-amz-request-payer'):
                user, payer = self.uid, self.uid
            bucket = bucket if row is None else row
            ok = status < 400
            self.book.count(user, bucket, category, ok, len(body) if category == 'put_obj' and ok else 0, sent, payer)
        return answer

    def hold(self, bucket, tenant=None):
        return self.book.holds[(self.tenant if tenant is None else tenant, bucket)]

    def make(self, bucket, storage_class='STANDARD'):
        headers = {} if storage_class == 'STANDARD' else {'x-amz-storage-class': storage_class}
        self.ask('create_bucket', 'PUT', bucket, headers=headers)
        self.book.holds[(self.tenant, bucket)] = {'owner': self.uid, 'class': storage_class, 'objects': {}, 'parts': {}, 'versions': False}

    def drop(self, bucket):
        self.ask('delete_bucket', 'DELETE', bucket, expect=204)
        del self.book.holds[(self.tenant, bucket)]

    def put(self, bucket, key, size, tenant=None, headers=None):
        self.ask('put_obj', 'PUT', bucket, key, body=blob(size, size), tenant=tenant, headers=headers)
        hold = self.hold(bucket, tenant)
        hold['objects'][key] = (hold['objects'].get(key, []) if hold['versions'] else []) + [size]

    def get(self, bucket, key, tenant=None, headers=None, expect=200, method='GET', row=None):
        return self.ask('get_obj', method, bucket, key, tenant=tenant, headers=headers, expect=expect, row=row)

    def delete(self, bucket, key):
        self.ask('delete_obj', 'DELETE', bucket, key, expect=204)
        hold = self.hold(bucket)
        if not hold['versions']:  # else it leaves a marker, which the statistics do not count
            del hold['objects'][key]

    def list(self, bucket):
        self.ask('list_bucket', 'GET', bucket, query={'list-type': '2'})

    def copy(self, bucket, source, key):
        self.ask('copy_obj', 'PUT', bucket, key, headers={'x-amz-copy-source': '/%s/%s' % (bucket, source)})
        self.hold(bucket)['objects'][key] = [self.hold(bucket)['objects'][source][-1]]

    def upload(self, bucket, key, parts, finish):
        answer = self.ask('init_multipart', 'POST', bucket, key, query={'uploads': ''}).decode()
        upload = answer.split('<UploadId>')[1].split('<')[0]
        for n in range(1, parts + 1):
            self.ask('put_obj', 'PUT', bucket, key, query={'partNumber': str(n), 'uploadId': upload}, body=blob(PART, n))
            self.hold(bucket)['parts'][key, n] = PART
        if finish:
            tags = ''.join('<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>' % (n, hashlib.md5(blob(PART, n)).hexdigest()) for n in range(1, parts + 1))
            self.ask('complete_multipart', 'POST', bucket, key, query={'uploadId': upload}, body=('<CompleteMultipartUpload>%s</CompleteMultipartUpload>' % tags).encode())
            self.done(bucket, key)
            self.hold(bucket)['objects'][key] = [parts * PART]
        return upload

    def done(self, bucket, key):
        hold = self.hold(bucket)
        hold['parts'] = {k: v for k, v in hold['parts'].items() if k[0] != key}

    def abort(self, bucket, key, upload):
        self.ask('abort_multipart', 'DELETE', bucket, key, query={'uploadId': upload}, expect=204)
        self.done(bucket, key)


def hold(book):
    """Sees that RGW's statistics say of every bucket what the book says."""
    have = {(b['tenant'], b['bucket']): b for b in s3.admin('GET', 'bucket', {'stats': 'true'})}
    for want in book.buckets_json(0):
        b = have[want['tenant'], want['bucket']]
        main = b['usage'].get('rgw.main', {'size': 0, 'num_objects': 0})
        if (main['size'], main['num_objects'], b['owner']) != (want['bytes'], want['objects'], want['owner']):
            raise SystemExit('RGW holds otherwise than expected: %s, %s' % (want, b))


def logged(hours):
    """What RGW's usage log has of these hours now."""
    rows = {}
    for hour in hours:
        start, end = (time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(t)) for t in (hour, hour + HOUR))
        for entry in s3.admin('GET', 'usage', {'start': start, 'end': end, 'show-summary': 'false'})['entries']:
            for b in entry['buckets']:
                for c in b['categories']:
                    k = (hour, entry['user'], b.get('payer', ''), b['bucket'], c['category'])
                    rows[k] = (c['ops'], c['successful_ops'], c['bytes_received'], c['bytes_sent'])
    return rows


def flushed(book, hours):
    """Waits until RGW's log says of these hours what the book says: nothing else may differ."""
    want = {k: tuple(a - b for a, b in zip(row, book.trimmed.get(k, (0,) * 4))) for k, row in book.rows.items() if k[0] in hours}
    want = {k: row for k, row in want.items() if any(row)}
    for _ in range(100):
        have = logged(hours)
        differ = {str(k): (want.get(k), have.get(k)) for k in want.keys() | have.keys() if want.get(k) != have.get(k) and k not in book.lost}
        if not differ:
            return
        time.sleep(0.2)
    raise SystemExit('RGW logs otherwise than expected (expected, logged): %s' % json.dumps(differ, indent=1))


def trim(book, hour, uid):
    """Makes RGW forget an hour of a user. Not of one who ever paid as a requester: such rows cannot be trimmed, and the attempt never ends (Ceph 16)."""
    start, end = (time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(t)) for t in (hour, hour + HOUR))
    book.lab.run('radosgw-admin', 'usage', 'trim', '--start-date', start, '--end-date', end, '--uid', uid)
    for k, row in book.rows.items():
        if k[0] == hour and k[1] == uid:
            book.trimmed[k] = tuple(row)


def own(book, tenant, bucket, uid):
    """Gives a bucket to another user."""
    name = tenant + '/' + bucket if tenant else bucket
    book.lab.run('radosgw-admin', 'bucket', 'link', '--bucket', name, '--uid', uid)
    book.lab.run('radosgw-admin', 'bucket', 'chown', '--bucket', name, '--uid', uid)
    book.holds[(tenant, bucket)]['owner'] = uid


def cold(lab):
    """A second storage class, which RGW knows from its next start on."""
    more = ('--placement-id', 'default-placement', '--storage-class', 'COLD')
    lab.run('radosgw-admin', 'zonegroup', 'placement', 'add', '--rgw-zonegroup', 'default', *more)
    lab.run('radosgw-admin', 'zone', 'placement', 'add', '--rgw-zone', 'default', *more, '--data-pool', 'default.rgw.cold.data')


def story(lab, month):
    """Six hours with traffic around the end of a month, and what was lost in them."""
    book = Book(lab)
    book.users()
    cold(lab)
    alice, bob, carol, dave = (User(book, u) for u in ('acme$alice', 'acme$bob', 'globex$carol', 'dave'))
    zero, one, low, high = (User(book, u) for u in (ZERO + '$' + ZERO, ONE + '$' + ONE, '0zero', '1one'))
    robot, nobody = User(book, 'robot'), User(book, 'anonymous')
    hours = [month + n * HOUR for n in (-3, -2, -1, 0, 1, 3)]

    def begin(n):
        lab.at(hours[n] + 600)
        lab.say('hour %d of %d' % (n + 1, len(hours)))

    def end(why):
        flushed(book, hours)
        hold(book)
        lab.sync(why)
        lab.manifest['buckets'] += book.buckets_json(int(s3.now()))

    begin(0)
    lab.sync('begin')
    first(book, alice, bob, carol, dave, zero, one, low, high, robot, nobody)
    end('first hour')

    begin(1)
    for u in (bob, dave, zero):
        trim(book, hours[0], u.uid)  # an hour that is over, and was read
    for u in (zero, one, low, high):
        u.get(u.home, 'object')
        u.put(u.home, 'second', 1234)
    bob.make('short-lived')
    bob.put('short-lived', 'object', 2048)
    for n in range(5):
        carol.put('data', 'small-8', 100 + n)
        carol.get('data', 'small-8')
    flushed(book, hours)
    lab.sync('before a trim and a deletion')
    trim(book, hours[1], carol.uid)  # an hour that grows: it begins at nothing again
    carol.put('data', 'small-8', 200)
    carol.get('data', 'small-8')
    flushed(book, hours)
    for _ in range(2):  # what is less is believed when it was read twice
        lab.sync('after a trim')
    for n in range(6):  # more than before the trim
        carol.put('data', 'small-8', 300 + n)
        carol.get('data', 'small-8')
    bob.delete('short-lived', 'object')
    bob.drop('short-lived')
    bob.make('short-lived')
    bob.put('short-lived', 'object', 512)
    alice.delete('handed', 'object')
    alice.drop('handed')
    bob.make('handed')  # the same name, another owner
    bob.put('handed', 'object', 777)
    end('second hour')

    begin(2)
    for n in range(4):
        alice.get('data', 'object-%03d' % (n + 10))
    flushed(book, hours)
    lab.sync('mid-hour')
    for n in range(3):
        alice.put('data', 'late-%d' % n, 50000 + n)
    dave.get('data', 'one')
    end('last hour of the month')

    begin(3)
    own(book, 'acme', 'moving', bob.uid)
    bob.put('moving', 'after', 4000)
    bob.get('moving', 'after')
    bob.list('moving')
    alice.abort('multipart', 'given-up', book.uploads['given-up'])
    for u in (zero, one, low, high):
        u.get(u.home, 'second')
        u.delete(u.home, 'second')
    end('first hour of the month')

    begin(4)
    dave.get('data', 'one')
    carol.put('data', 'kept', 3000)
    flushed(book, hours)
    lab.sync('before a kill')
    sure = {k: tuple(v) for k, v in book.rows.items()}
    for n in range(3):
        dave.get('data', 'one')
        carol.put('data', 'unsure-%d' % n, 3000 + n)
    lab.run(os.environ['LAB_SCRIPT'], 'kill9', 'rgw')
    book.lost = {k: sure.get(k, (0,) * 4) for k, v in book.rows.items() if sure.get(k) != tuple(v)}
    lab.manifest['killed'] = {'hour': hours[4], 'at': int(s3.now())}
    lab.run(os.environ['LAB_SCRIPT'], 'up')
    alice.get('data', 'object-010')
    end('hour of a kill')

    begin(5)  # an hour later than it was: one without traffic lies between
    alice.get('data', 'object-010')
    dave.put('data', 'one', 100000)
    one.get(one.home, 'object')
    end('hour after an empty one')
    lab.at(month + 5 * HOUR + 600)
    lab.manifest.update(usage=book.rows_json(), hours=hours, ends=month + 5 * HOUR)


def first(book, alice, bob, carol, dave, zero, one, low, high, robot, nobody):
    """The first hour: everything that RGW logs in a way of its own."""
    alice.make('data')  # three tenants have a bucket of this name
    for n in range(20):
        alice.put('data', 'object-%03d' % n, 10000 + n)
    for n in range(15):
        alice.get('data', 'object-%03d' % n)
    for n in range(5):
        alice.list('data')
    for n in range(4):
        alice.delete('data', 'object-%03d' % n)
    alice.get('data', 'object-010', method='HEAD')
    alice.get('data', 'object-011', headers={'range': 'bytes=0-99'}, expect=206)
    alice.copy('data', 'object-010', 'copy')
    for n in range(3):
        alice.get('data', 'missing', expect=404, row='-')
    alice.ask('get_obj', 'GET', 'no-such-bucket', 'missing', expect=404, billed=False)
    alice.ask('list_buckets', 'GET', '', row='')
    alice.make('multipart')
    alice.upload('multipart', 'whole', 2, True)
    alice.upload('multipart', 'open', 1, False)
    book.uploads = {'given-up': alice.upload('multipart', 'given-up', 1, False)}
    alice.make('handed')
    alice.put('handed', 'object', 3333)
    alice.make('moving')
    alice.put('moving', 'before', 6000)
    alice.make('cold', 'COLD')
    alice.put('cold', 'object', 8192)

    bob.make('versions')
    bob.ask('set_bucket_versioning', 'PUT', 'versions', query={'versioning': ''},
            body=b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>')
    bob.hold('versions')['versions'] = True
    for n in range(1, 6):
        bob.put('versions', 'key', 1000 * n)
    bob.delete('versions', 'key')
    book.lab.run('radosgw-admin', 'quota', 'set', '--quota-scope=user', '--uid=' + bob.uid, '--max-size=65536')
    book.lab.run('radosgw-admin', 'quota', 'enable', '--quota-scope=user', '--uid=' + bob.uid)
    bob.ask('put_obj', 'PUT', 'versions', 'too-big', body=blob(100000, 1), expect=403)

    carol.make('data')
    for n in range(8):
        carol.put('data', 'small-%d' % n, 100)
    for n in range(8):
        carol.get('data', 'small-%d' % n, headers={'range': 'bytes=0-9'}, expect=206)

    dave.make('data')
    dave.put('data', 'one', 1 << 20)
    dave.put('data', 'public', 5000, headers={'x-amz-acl': 'public-read'})
    for n in range(3):
        nobody.get('data', 'public', tenant='')
    nobody.get('data', 'one', tenant='', expect=403)
    nobody.ask('list_buckets', 'GET', '', row='')
    dave.make('shared')  # alice's traffic in it is dave's, until he makes the requester pay
    dave.ask('put_bucket_policy', 'PUT', 'shared', query={'policy': ''}, expect=204, body=json.dumps({
        'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': ['arn:aws:iam::acme:user/alice']}, 'Action': 's3:*',
                                                'Resource': ['arn:aws:s3:::shared', 'arn:aws:s3:::shared/*']}]}).encode())
    alice.put('shared', 'from-alice', 7000, tenant='')
    alice.get('shared', 'from-alice', tenant='')
    alice.get('shared', 'missing', tenant='', expect=404, row='-')
    dave.ask('set_request_payment', 'PUT', 'shared', query={'requestPayment': ''},
             body=b'<RequestPaymentConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Payer>Requester</Payer></RequestPaymentConfiguration>')
    alice.get('shared', 'from-alice', tenant='', headers={'x-amz-request-payer': 'requester'})
    alice.put('shared', 'paid-by-alice', 900, tenant='', headers={'x-amz-request-payer': 'requester'})

    for u in (zero, one, low, high):
        u.make(u.home)
        u.put(u.home, 'object', 4097)
        u.get(u.home, 'object')
    robot.get('data', 'one', tenant='')  # a system user's requests are not logged
