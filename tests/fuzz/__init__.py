"""Random requests from the API's own description, held against it by all of Schemathesis' checks."""
