#!/usr/bin/env python3
"""Signed requests to the laboratory's RGW by its own clock, counted as they are answered.

    ceph-lab.sh request [--user UID] [--method M] [--data TEXT] PATH?QUERY      (without --user: the metering user)
"""
import argparse
import hashlib
import hmac
import http.client
import json
import os
import sys
import time
import urllib.parse

RGW = urllib.parse.urlparse(os.environ.get('LAB_RGW_URL', 'http://127.0.0.1:27020'))
METER = (os.environ.get('RGW_ACCESS_KEY', ''), os.environ.get('RGW_SECRET_KEY', ''))


def shift():
    """How far RGW's clock is from ours, in seconds."""
    try:
        with open(os.environ['LAB_SHIFT']) as f:
            return int(f.read())
    except FileNotFoundError:
        return 0


def now():
    """RGW's time."""
    return time.time() + shift()


def quote(s):
    return urllib.parse.quote(s, safe='-_.~')


def sign(keys, method, path, query, body, headers):
    """AWS signature version 4; returns the headers to send."""
    date = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now()))
    digest = hashlib.sha256(body).hexdigest()
    headers = {**{k.lower(): v for k, v in headers.items()}, 'host': RGW.netloc, 'x-amz-date': date, 'x-amz-content-sha256': digest}
    names = ';'.join(sorted(headers))
    lines = ''.join('%s:%s\n' % (k, headers[k]) for k in sorted(headers))
    scope = date[:8] + '/us-east-1/s3/aws4_request'
    text = '\n'.join([method, path, query, lines, names, digest])
    text = '\n'.join(['AWS4-HMAC-SHA256', date, scope, hashlib.sha256(text.encode()).hexdigest()])
    key = ('AWS4' + keys[1]).encode()
    for part in (date[:8], 'us-east-1', 's3', 'aws4_request', text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (keys[0], scope, names, key.hex())
    return headers


class Wire:
    """An answer's bytes after its headers, counted as they come: a chunked body's framing is in RGW's count, too."""

    def __init__(self, file):
        self.file, self.bytes = file, 0

    def count(self, data):
        self.bytes += len(data)
        return data

    def read(self, *n):
        return self.count(self.file.read(*n))

    def readline(self, *n):
        return self.count(self.file.readline(*n))

    def __getattr__(self, name):
        return getattr(self.file, name)


def request(keys, method, path, query=None, body=b'', headers=None):
    """Sends one request, signed unless `keys` is None: (status, body of the answer, its headers, its bytes on the wire)."""
    path = quote(path).replace('%2F', '/')
    query = '&'.join('%s=%s' % (quote(k), quote(v)) for k, v in sorted((query or {}).items()))
    headers = headers or {}
    if keys:
        headers = sign(keys, method, path, query, body, headers)
    connection = http.client.HTTPConnection(RGW.hostname, RGW.port, timeout=600)
    try:
        connection.request(method, path + ('?' + query if query else ''), body=body or None, headers=headers)
        answer = connection.getresponse()
        if answer.fp is None:  # nothing follows the headers
            return answer.status, b'', answer.headers, 0
        answer.fp = wire = Wire(answer.fp)
        return answer.status, answer.read(), answer.headers, wire.bytes
    finally:
        connection.close()


def admin(method, path, query=None, keys=METER):
    """A request to the Admin Ops API that has to succeed: its JSON."""
    status, body, *_ = request(keys, method, '/admin/' + path, query)
    if status != 200:
        raise SystemExit('%s /admin/%s %s: %d %s' % (method, path, query, status, body[:300]))
    return json.loads(body) if body.strip() else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--user')
    p.add_argument('--method', default='GET')
    p.add_argument('--data', default='')
    p.add_argument('path')
    a = p.parse_args()
    keys = METER
    if a.user:
        with open(os.environ['LAB_MANIFEST']) as f:
            user = json.load(f)['users'][a.user]
        keys = (user['access_key'], user['secret_key'])
    path, _, query = a.path.partition('?')
    status, body, headers, _ = request(keys, a.method, urllib.parse.unquote(path), dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), a.data.encode())
    print(status, headers.get('Date'), file=sys.stderr)
    sys.stdout.write(body.decode('utf-8', 'replace'))


if __name__ == '__main__':
    main()
