//! The shipped list over October and February, in exact seconds, to the cent.
//!
//! October 2026 has 745 h in Stockholm, 2,682,000 s; February 672 h, 2,419,200 s. A price per 30 days (2,592,000 s) is therefore charged 745/720 = 149/144
//! times in October and 672/720 = 14/15 times in February. A price per month is charged once in both.

use super::{lines, quoted, total};
use plimsoll::{config::book, domain::PriceBook};
use std::path::Path;

/// Flavor, October, February. Halves of a cent go up.
const FLAVORS: [(&str, &str, &str); 29] = [
    // 42.72 x 149/144 = 44.20333...; 42.72 x 14/15 = 39.872
    ("l2.c2r4.100", "44.20", "39.87"),
    // 78.32 x 149/144 = 81.03944...; 78.32 x 14/15 = 73.09866...
    ("l2.c2r4.500", "81.04", "73.10"),
    // 122.82 x 149/144 = 127.08458...; 122.82 x 14/15 = 114.632
    ("l2.c2r4.1000", "127.08", "114.63"),
    // 76.54 x 149/144 = 79.19763...; 76.54 x 14/15 = 71.43733...
    ("l2.c4r8.100", "79.20", "71.44"),
    // 112.14 x 149/144 = 116.03375; 112.14 x 14/15 = 104.664
    ("l2.c4r8.500", "116.03", "104.66"),
    // 156.64 x 149/144 = 162.07888...; 156.64 x 14/15 = 146.19733...
    ("l2.c4r8.1000", "162.08", "146.20"),
    // 144.18 x 149/144 = 149.18625; 144.18 x 14/15 = 134.568
    ("l2.c8r16.100", "149.19", "134.57"),
    // 179.78 x 149/144 = 186.02236...; 179.78 x 14/15 = 167.79466...
    ("l2.c8r16.500", "186.02", "167.79"),
    // 224.28 x 149/144 = 232.0675; 224.28 x 14/15 = 209.328
    ("l2.c8r16.1000", "232.07", "209.33"),
    // 279.46 x 149/144 = 289.16347...; 279.46 x 14/15 = 260.82933...
    ("l2.c16r32.100", "289.16", "260.83"),
    // 315.06 x 149/144 = 325.99958...; 315.06 x 14/15 = 294.056
    ("l2.c16r32.500", "326.00", "294.06"),
    // 359.56 x 149/144 = 372.04472...; 359.56 x 14/15 = 335.58933...
    ("l2.c16r32.1000", "372.04", "335.59"),
    // 471.70 x 149/144 = 488.07847...; 471.70 x 14/15 = 440.25333...
    ("l2.c16r64.500", "488.08", "440.25"),
    // 630.12 x 149/144 = 651.99916...; 630.12 x 14/15 = 588.112
    ("l2.c32r64.1000", "652.00", "588.11"),
    // 16.91 x 149/144 = 17.49715...; 16.91 x 14/15 = 15.78266...
    ("b2.c1r2", "17.50", "15.78"),
    // 26.70 x 149/144 = 27.62708...; 26.70 x 14/15 = 24.92
    ("b2.c1r4", "27.63", "24.92"),
    // 33.82 x 149/144 = 34.99430...; 33.82 x 14/15 = 31.56533...
    ("b2.c2r4", "34.99", "31.57"),
    // 53.40 x 149/144 = 55.25416...; 53.40 x 14/15 = 49.84
    ("b2.c2r8", "55.25", "49.84"),
    // 67.64 x 149/144 = 69.98861...; 67.64 x 14/15 = 63.13066...
    ("b2.c4r8", "69.99", "63.13"),
    // 106.80 x 149/144 = 110.50833...; 106.80 x 14/15 = 99.68
    ("b2.c4r16", "110.51", "99.68"),
    // 135.28 x 149/144 = 139.97722...; 135.28 x 14/15 = 126.26133...
    ("b2.c8r16", "139.98", "126.26"),
    // 213.60 x 149/144 = 221.01666...; 213.60 x 14/15 = 199.36
    ("b2.c8r32", "221.02", "199.36"),
    // 270.56 x 149/144 = 279.95444...; 270.56 x 14/15 = 252.52266...
    ("b2.c16r32", "279.95", "252.52"),
    // 427.20 x 149/144 = 442.03333...; 427.20 x 14/15 = 398.72
    ("b2.c16r64", "442.03", "398.72"),
    // 297.71 x 149/144 = 308.04715...; 297.71 x 14/15 = 277.86266...
    ("l2.c4r16.125.gA2", "308.05", "277.86"),
    // 415.63 x 149/144 = 430.06159...; 415.63 x 14/15 = 387.92133...
    ("l2.c8r32.250.gA2", "430.06", "387.92"),
    // 247.42 x 149/144 = 256.01097...; 247.42 x 14/15 = 230.92533...
    ("b2.c4r8.gA2", "256.01", "230.93"),
    // 315.06 x 149/144 = 325.99958...; 315.06 x 14/15 = 294.056
    ("b2.c8r16.gA2", "326.00", "294.06"),
    // 2138.14 x 149/144 = 2212.38097...; 2138.14 x 14/15 = 1995.59733...
    ("b2.c32r192.gH100", "2212.38", "1995.60"),
];

fn list() -> PriceBook {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/prices/nordic-2026.yaml"
    );
    book::read(Path::new(file), None).unwrap_or_else(|p| panic!("{p:?}"))
}

#[test]
fn a_server_of_each_flavor() {
    let book = list();
    for (flavor, october, february) in FLAVORS {
        let server = format!("compute.instance flavor={flavor}");
        assert_eq!(total(&book, "2026-10", &[&server]), october, "{flavor}");
        assert_eq!(total(&book, "2026-02", &[&server]), february, "{flavor}");
    }
}

#[test]
fn storage_of_each_kind() {
    let book = list();
    for (used, october, february) in [
        // 500 GB x 0.1068 = 53.40; x 149/144 = 55.25416...; x 14/15 = 49.84
        ("volume.capacity type=large 500 GB", "55.25", "49.84"),
        // 500 GB x 0.3204 = 160.20; x 149/144 = 165.7625; x 14/15 = 149.52
        ("volume.capacity type=fast 500 GB", "165.76", "149.52"),
        // 500 GB x 0.1068, as above
        ("snapshot.capacity 500 GB", "55.25", "49.84"),
        // 1 TB x 31.15 x 149/144 = 32.23159...; x 14/15 = 29.07333...
        ("object.capacity class=archive 1 TB", "32.23", "29.07"),
        // 1 TB x 44.50 x 149/144 = 46.04513...; x 14/15 = 41.53333...
        ("object.capacity class=storage 1 TB", "46.05", "41.53"),
        // 500 GB x 0.22 = 110; x 149/144 = 113.81944...; x 14/15 = 102.66666...
        ("backup.protected 500 GB", "113.82", "102.67"),
    ] {
        assert_eq!(total(&book, "2026-10", &[used]), october, "{used}");
        assert_eq!(total(&book, "2026-02", &[used]), february, "{used}");
    }
    // 1 TiB is 1.099511627776 TB: x 44.50 x 149/144 = 50.62716...
    let tebibyte = "object.capacity class=storage 1 TiB";
    assert_eq!(total(&book, "2026-10", &[tebibyte]), "50.63");
    // 4 TB for October are 1.07e19 byte-seconds, beyond 64 bits: 4,000 GB x 0.1068 x 149/144 = 442.03333...
    let large = "volume.capacity type=large 4 TB";
    assert_eq!(total(&book, "2026-10", &[large]), "442.03");
    // 1 EiB is 1,152,921,504.606846976 GB: x 0.1068 x 149/144 = 127,407,433.93826...
    let exbibyte = "volume.capacity type=large 1048576 TiB";
    assert_eq!(total(&book, "2026-10", &[exbibyte]), "127407433.94");
}

#[test]
fn backup_with_its_fixed_fee() {
    let book = list();
    let backup = |month: &str, gb: &str| {
        let used = format!("backup.stored plan=small {gb} GB");
        quoted(&book, month, &[&used], "", &["BAAS-small.fixed"])
    };
    // 250 GB beyond the 1,000 GB: x 0.16 = 40; x 149/144 = 41.38888...; x 14/15 = 37.33333... The fee is a month's, whole.
    let october = lines(&[
        ("BAAS-small", "0.00"),
        ("BAAS-small", "41.39"),
        ("BAAS-small.fixed", "490.00"),
    ]);
    assert_eq!(backup("2026-10", "1250"), (october, "531.39".into()));
    assert_eq!(backup("2026-02", "1250").1, "527.33");
    // Within what is included.
    assert_eq!(backup("2026-10", "1000").1, "490.00");
    assert_eq!(backup("2026-10", "0.5").1, "490.00");
    // The fee is owed without usage too.
    let nothing = quoted(&book, "2026-10", &[], "", &["BAAS-large.fixed"]);
    assert_eq!(nothing.1, "846.00");
    // 2,000 GB x 0.08 = 160; x 149/144 = 165.55555...; and 846.00.
    let large = quoted(
        &book,
        "2026-10",
        &["backup.stored plan=large 2 TB"],
        "",
        &["BAAS-large.fixed"],
    );
    assert_eq!(large.1, "1011.56");
}

#[test]
fn addresses_transfer_and_control_planes() {
    let book = list();
    for month in ["2026-10", "2026-02"] {
        // Per month: 3 x 2.23 = 6.69, whatever the month's length.
        assert_eq!(total(&book, month, &["network.public_ipv4 3"]), "6.69");
        let managed = "k8s.cluster control_plane=managed 2 cluster";
        assert_eq!(total(&book, month, &[managed]), "872.20");
        // What costs nothing is a line all the same.
        let free = [
            "network.public_ipv6 5 address",
            "network.bytes_in 7 TB",
            "network.bytes_out 7 TB",
            "k8s.cluster control_plane=unmanaged",
        ];
        let (shown, sum) = quoted(&book, month, &free, "", &[]);
        let skus = [
            "NET-publicv6",
            "NET-ingress",
            "NET-egress",
            "PAAS-controlplane",
        ];
        assert_eq!(shown, lines(&skus.map(|s| (s, "0.00"))));
        assert_eq!(sum, "0.00");
    }
    // An address for ten days of October: 2.23 x 240/745 = 0.71838...
    assert_eq!(
        total(&book, "2026-10", &["network.public_ipv4 for 10d"]),
        "0.72"
    );
}

#[test]
fn licences_are_for_the_peak_and_support_has_a_minimum() {
    let book = list();
    for month in ["2026-10", "2026-02"] {
        // The peak is 16: 16 x 15.58 = 249.28, for the month whole, though half of them ran for a day.
        let windows = [
            "licence.vcpu product=win.ser.2022 8 vCPU",
            "licence.vcpu product=win.ser.2022 8 vCPU for 24h",
        ];
        assert_eq!(total(&book, month, &windows), "249.28");
        // 4 x 109.38 = 437.52; 4 x 424.17 = 1,696.68; together 2,134.20.
        let sql = [
            "licence.vcpu product=ms.sql.ser 4 vCPU",
            "licence.vcpu product=ms.sql.ser.ent 4 vCPU",
        ];
        assert_eq!(total(&book, month, &sql), "2134.20");
        // 3 % of 249.28 is 7.4784: the minimum holds. 249.28 + 150.00.
        let support = |uses: &[&str]| quoted(&book, month, uses, "", &["SUPPORT-standard"]);
        assert_eq!(support(&windows).1, "399.28");
        // 3 % of 436.10 x 20 = 8,722.00 is 261.66.
        let (shown, sum) = support(&["k8s.cluster control_plane=managed 20"]);
        assert_eq!(shown[1], ("SUPPORT-standard".into(), "261.66".into()));
        assert_eq!(sum, "8983.66");
        assert_eq!(support(&[]).1, "150.00", "without any usage too");
    }
}
