"""The events of some topics, looked up in the audit trail: the same however far the trail goes."""
