"""One job: asynchronous work that makes assets, from request to outcome; its attempts are numbered."""
