-- stop_tenant: stop one tenant before the event after its checkpoint
UPDATE read_models.progress SET failed_position = position + 1, failure = %(failure)s
 WHERE projection = %(projection)s AND version = %(version)s AND tenant_id = %(tenant_id)s AND position = %(position)s
