"""Seed the lab with tenants and usage; writes ground truth to truth.jsonl.

seed              the full scenario (two to three minutes on 2 cores)
seed --base       tenants, flavors, images and networks only
seed --clone N    N more servers as database rows (seconds): for paging tests
seed --scale N    N more servers really built (no network) in project acme/web
seed --wipe-scale delete them again
"""
import argparse
import sys

from rows import clone, scale, wipe
from scenario import scenario
from tenants import base

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument('--scale', type=int)
ap.add_argument('--clone', type=int)
ap.add_argument('--wipe-scale', action='store_true')
ap.add_argument('--base', action='store_true')
o = ap.parse_args()
sys.exit(clone(o.clone) if o.clone else scale(o.scale) if o.scale else wipe() if o.wipe_scale else (base() and 0) if o.base else scenario())
