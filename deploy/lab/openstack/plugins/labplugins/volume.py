"""Cinder volumes as sparse files; attach through os-brick's LOCAL connector."""
import os
import shutil

from cinder import interface
from cinder.image import image_utils
from cinder.volume import driver


@interface.volumedriver
class SparseFileDriver(driver.VolumeDriver):
    VERSION = '1.0'
    CI_WIKI_NAME = 'none'

    def _path(self, ref):
        d = os.path.join(os.environ['LAB_DIR'], 'var', 'cinder-files')
        os.makedirs(d, exist_ok=True)
        return os.path.join(d, ref['name'])

    def _sparse(self, ref, gib):
        with open(self._path(ref), 'ab') as f:
            f.truncate(gib * 1024 ** 3)

    def _copy(self, src, dst, gib):
        # cp --sparse keeps holes; shutil does not
        from oslo_concurrency import processutils
        processutils.execute('cp', '--sparse=always', self._path(src),
                             self._path(dst))
        self._sparse(dst, gib)

    def check_for_setup_error(self):
        pass

    def create_volume(self, volume):
        self._sparse(volume, volume['size'])

    def delete_volume(self, volume):
        if os.path.exists(self._path(volume)):
            os.unlink(self._path(volume))

    def create_snapshot(self, snapshot):
        self._copy(snapshot.volume, snapshot, snapshot.volume_size)

    def delete_snapshot(self, snapshot):
        if os.path.exists(self._path(snapshot)):
            os.unlink(self._path(snapshot))

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(snapshot, volume, volume['size'])

    def create_cloned_volume(self, volume, src_vref):
        self._copy(src_vref, volume, volume['size'])

    def extend_volume(self, volume, new_size):
        self._sparse(volume, new_size)

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        image_utils.fetch_to_raw(context, image_service, image_id,
                                 self._path(volume),
                                 self.configuration.volume_dd_blocksize,
                                 size=volume['size'], run_as_root=False)
        self._sparse(volume, volume['size'])

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        with open(self._path(volume), 'rb') as f:
            image_service.update(context, image_meta['id'], {}, f)

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'local',
                'data': {'device_path': self._path(volume)}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    def create_export_snapshot(self, context, snapshot, connector):
        pass

    def remove_export_snapshot(self, context, snapshot):
        pass

    def initialize_connection_snapshot(self, snapshot, connector):
        return {'driver_volume_type': 'local',
                'data': {'device_path': self._path(snapshot)}}

    def terminate_connection_snapshot(self, snapshot, connector, **kwargs):
        pass

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': self.configuration.safe_get(
                'volume_backend_name') or 'lab',
            'vendor_name': 'lab', 'driver_version': self.VERSION,
            'storage_protocol': 'local', 'total_capacity_gb': 1000000,
            'free_capacity_gb': 900000, 'thin_provisioning_support': True,
            'thick_provisioning_support': False,
            'max_over_subscription_ratio': 1000, 'reserved_percentage': 0,
            'QoS_support': False, 'multiattach': True,
            'sparse_copy_volume': True}
