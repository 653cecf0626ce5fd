"""What CloudKitty's own rating (HashMap) needs for the points of a file, in memory. Run by benches/rating.rs.

usage: rate.py POINTS PRICES ROUNDS

POINTS: a point a line, `seconds TAB scope TAB resource TAB flavor TAB az TAB state`: what a row of usage is priced by. PRICES: `flavor TAB price of a second`. Prints `NANOSECONDS SUM`: of a point, in the best of the rounds, and
what all points cost. The rates go through CloudKitty's own database API into SQLite in memory, as an operator's do; the rating that is timed does not touch it.
"""
import datetime
import decimal
import sys
import time
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
from cloudkitty import dataframe  # noqa: E402
from cloudkitty.rating import hash as hashmap  # noqa: E402

SERVICE, FIELD = "instance", "flavor_name"
START = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


def rated(prices):
    """The rating module, with a price for each flavor."""
    cfg.CONF([], project="cloudkitty", default_config_files=[])
    cfg.CONF.set_override("connection", "sqlite://", "database")
    api = hashmap.hash_db_api.get_instance()
    api.get_migration().upgrade("head")
    service = api.create_service(SERVICE)
    field = api.create_field(service.service_id, FIELD)
    for flavor, price in prices:
        cost = decimal.Decimal(price)
        api.create_mapping(value=flavor, cost=cost, map_type="flat", field_id=field.field_id, start=START, created_by="bench")
    return hashmap.HashMap(tenant_id="bench")


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def main(points, prices, rounds):
    frame = dataframe.DataFrame(start=START, end=START + datetime.timedelta(hours=1))
    for seconds, scope, resource, flavor, az, state in lines(points):
        groups, metadata = {"project_id": scope, "id": resource}, {FIELD: flavor, "availability_zone": az, "state": state}
        frame.add_point(dataframe.DataPoint("s", seconds, 0, groups, metadata), SERVICE)
    count = sum(1 for _ in frame.iterpoints())
    module = rated(lines(prices))
    best, result = float("inf"), None
    for _ in range(int(rounds)):
        began = time.perf_counter_ns()
        result = module.process(frame)
        best = min(best, (time.perf_counter_ns() - began) / count)
    total = sum(point.price for _, point in result.iterpoints())
    print(f"{best:.0f} {total}")


if __name__ == "__main__":
    main(*sys.argv[1:])
