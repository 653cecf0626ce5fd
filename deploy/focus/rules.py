"""Rules for focus-validator, made from the columns of the specification.

usage: rules.py COLUMNS.csv DIR

One YAML file a rule, as focus-validator 1.0 reads them: type, presence, nulls, allowed values of each column; and the conditions that join columns.
"""
import csv
import pathlib
import sys

import yaml

TYPES = {"String": "string", "JSON": "stringified-json-object", "Decimal": "decimal", "Date/Time": "datetime"}
# What is true of every row, by the column whose requirements say so.
CONDITIONS = {
    "SkuPriceId": "ChargeCategory NOT IN ('Usage', 'Purchase') OR ChargeClass = 'Correction' OR SkuPriceId IS NOT NULL",
    "SkuId": "(SkuId IS NULL) = (SkuMeter IS NULL)",
    "SkuPriceDetails": "SkuPriceDetails IS NULL OR SkuPriceId IS NOT NULL",
    "PricingQuantity": "ChargeCategory NOT IN ('Usage', 'Purchase') OR ChargeClass = 'Correction' OR PricingQuantity IS NOT NULL",
    "PricingUnit": "(PricingUnit IS NULL) = (PricingQuantity IS NULL)",
    "ConsumedUnit": "(ConsumedUnit IS NULL) = (ConsumedQuantity IS NULL)",
    "ConsumedQuantity": "ChargeCategory = 'Usage' OR ConsumedQuantity IS NULL",
    "ChargeFrequency": "ChargeCategory <> 'Purchase' OR ChargeFrequency <> 'Usage-Based'",
    "SubAccountType": "(SubAccountType IS NULL) = (SubAccountId IS NULL)",
}


def rules(row):
    """The rules of a column: name, check."""
    column = row["column"]
    currency = row["value_format"].startswith("Currency") if "value_format" in row else column == "BillingCurrency"
    kind = "currency-code" if currency else TYPES[row["data_type"]]
    yield "Type", {"data_type": kind}
    if row["feature_level"] == "Mandatory":
        yield "Required", "column_required"
    yield "Nulls", {"allow_nulls": row["allows_nulls"] == "True"}
    # Subcategories are written with the category they belong to.
    values = [v.split(">")[-1] for v in row["allowed_values"].split("|") if v]
    if values:
        yield "Values", {"value_in": values}
    if column in CONDITIONS:
        query = f"SELECT CASE WHEN {CONDITIONS[column]} THEN true ELSE false END AS check_output FROM df;"
        yield "Condition", {"sql_query": query}


def main(columns, out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with open(columns, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, check in rules(row):
                rule = yaml.safe_dump({"column_id": row["column"], "check": check})
                (out / f"{row['column']}_{name}.yaml").write_text(rule, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
