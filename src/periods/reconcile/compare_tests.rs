//! Lists made up at random: whatever they are, nothing is lost and nothing counts twice.

use super::*;
use proptest::prelude::*;

const END: Reach = Reach {
    images: Ts::from_second(10_000),
    volumes: Ts::from_second(10_000),
};

fn id(n: u8) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

fn image(name: String, since: i64) -> Image {
    Image {
        source: "ceph".into(),
        resource: format!("volumes/{name}"),
        pool: "volumes".into(),
        name,
        provisioned_bytes: Some(1 << 30),
        used_bytes: Some(1 << 20),
        snapshots: 0,
        trash: false,
        since: Ts::from_second(since),
    }
}

fn volume(n: u8, ended: Option<i64>) -> Volume {
    Volume {
        id: id(n),
        image_id: id(n),
        name: String::new(),
        volume_type: "fast".into(),
        zone: "nova".into(),
        bytes: Some(1 << 30),
        state: "available".into(),
        since: Ts::from_second(100),
        ended: ended.map(Ts::from_second),
    }
}

#[test]
fn names_tell_whose_an_image_is() {
    let a = id(1);
    for (name, told) in [
        (format!("volume-{a}"), Some((a.as_str(), false))),
        (format!("volume-{a}.deleted"), Some((a.as_str(), true))),
        (format!("volume-{a}.backup.base"), None),
        (a.clone(), None),
        ("volume-é00000000-0000-4000-8000-00000000000".into(), None),
        ("volume-A0000000-0000-4000-8000-000000000000".into(), None),
        ("csi-vol-1".into(), None),
        (String::new(), None),
    ] {
        assert_eq!(volume_of(&name), told, "{name}");
    }
}

#[test]
fn each_cause_is_told_with_its_time() {
    let mut trashed = image(format!("volume-{}", id(3)), 300);
    trashed.trash = true;
    let images = [
        image(format!("volume-{}", id(1)), 200),
        image(format!("volume-{}", id(2)), 200),
        trashed,
        image(format!("volume-{}", id(4)), 400),
        // Neither is proven: made after Cinder's list was read, or its volume ended after the images' was.
        image(format!("volume-{}", id(5)), 9_990),
        image(format!("volume-{}", id(6)), 200),
    ];
    let volumes = [
        volume(1, None),
        volume(2, Some(5_000)),
        volume(3, None),
        volume(6, Some(9_990)),
    ];
    let all = compare(&images, &volumes, END);
    let told: Vec<(Cause, i64)> = all
        .ghosts
        .iter()
        .map(|g| (g.cause, g.since.second()))
        .collect();
    assert_eq!(
        told,
        [
            (Cause::VolumeDeleted, 5_000),
            (Cause::SetAside, 300),
            (Cause::VolumeUnknown, 400)
        ]
    );
    assert_eq!(all.images_of(ImageSide::Unsettled).count, 2);
    // Its image in the trash is not the image of volume 3.
    assert_eq!(all.missing.len(), 1);
    assert_eq!(all.missing[0].id, id(3));
}

#[test]
fn a_moved_volume_has_the_image_whose_place_it_took() {
    let mut moved = volume(1, None);
    moved.image_id = id(2);
    let all = compare(
        &[image(format!("volume-{}", id(2)), 200)],
        &[moved, volume(2, Some(150))],
        END,
    );
    assert!(all.ghosts.is_empty() && all.missing.is_empty(), "{all:?}");
}

#[test]
fn a_type_without_any_image_here_is_kept_elsewhere() {
    let mut other = volume(2, None);
    other.volume_type = "nfs".into();
    let mut young = volume(3, None);
    young.state = "creating".into();
    let all = compare(
        &[image(format!("volume-{}", id(1)), 200)],
        &[volume(1, None), other, young],
        END,
    );
    for side in [
        VolumeSide::Matched,
        VolumeSide::Elsewhere,
        VolumeSide::Unsettled,
    ] {
        assert_eq!(all.volumes_of(side).count, 1, "{side:?}");
    }
}

prop_compose! {
    fn any_image()(n in 0u8..12, form in 0u8..4, size in proptest::option::of(0i64..=i64::MAX), used in proptest::option::of(0i64..=i64::MAX),
        trash: bool, since in 0i64..12_000) -> Image {
        let name = match form {
            0 => format!("volume-{}", id(n)),
            1 => format!("volume-{}.deleted", id(n)),
            2 => format!("volume-{}.backup.base", id(n)),
            _ => format!("disk-{n}"),
        };
        Image { provisioned_bytes: size, used_bytes: used, trash, ..image(name, since) }
    }
}

prop_compose! {
    fn any_volume()(n in 0u8..12, of in 0u8..12, bytes in proptest::option::of(0i64..=i64::MAX), creating: bool, fast: bool,
        since in 0i64..12_000, ended in proptest::option::of(0i64..12_000)) -> Volume {
        Volume {
            image_id: id(of),
            volume_type: if fast { "fast" } else { "large" }.into(),
            bytes,
            state: if creating { "creating" } else { "available" }.into(),
            since: Ts::from_second(since),
            ..volume(n, ended)
        }
    }
}

proptest! {
    #[test]
    fn the_sides_are_the_whole(images in proptest::collection::vec(any_image(), 0..40), volumes in proptest::collection::vec(any_volume(), 0..40)) {
        let all = compare(&images, &volumes, END);
        let (mut sides, mut whole) = (Sum::default(), Sum::default());
        all.images.values().for_each(|s| sides.add_all(s));
        images.iter().for_each(|i| whole.add(i.provisioned_bytes, i.used_bytes));
        prop_assert_eq!(sides, whole);
        let mut ghosts = Sum::default();
        all.ghosts.iter().for_each(|g| ghosts.add(g.image.provisioned_bytes, g.image.used_bytes));
        prop_assert_eq!(all.images_of(ImageSide::Ghost), ghosts);

        let (mut sides, mut whole) = (Sum::default(), Sum::default());
        all.volumes.values().for_each(|s| sides.add_all(s));
        volumes.iter().filter(|v| v.ended.is_none()).for_each(|v| whole.add(v.bytes, None));
        prop_assert_eq!(sides, whole);
        let mut missing = Sum::default();
        all.missing.iter().for_each(|v| missing.add(v.bytes, None));
        prop_assert_eq!(all.volumes_of(VolumeSide::Missing), missing);
        prop_assert!(all.missing.iter().all(|v| v.ended.is_none()));
    }

    #[test]
    fn the_order_of_lists_does_not_matter(mut images in proptest::collection::vec(any_image(), 0..20), n in 0usize..20, volumes in proptest::collection::vec(any_volume(), 0..20)) {
        for (i, image) in images.iter_mut().enumerate() {
            image.resource = format!("volumes/{i}");
        }
        let volumes: Vec<Volume> = volumes.into_iter().map(|v| (v.id.clone(), v)).collect::<BTreeMap<_, _>>().into_values().collect();
        let one = compare(&images, &volumes, END);
        let (mut turned, mut other) = (images, volumes);
        let by = n % turned.len().max(1);
        turned.rotate_left(by);
        other.reverse();
        let two = compare(&turned, &other, END);
        prop_assert_eq!(one.images, two.images);
        prop_assert_eq!(one.ghosts, two.ghosts);
    }
}
