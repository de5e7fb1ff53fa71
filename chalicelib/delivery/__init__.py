"""From events that are held to the providers' calls: doorbell, worker, engine, sweep."""
