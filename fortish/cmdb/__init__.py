"""The configuration database: schema, what is stored, how it is edited, and how it is printed.

schema      table, schema: what may be configured, from TOML; types, addresses, blocks, members: kinds of values
stored      entries, store: entries and changes; references, snapshots, fresh, journal, views, encoded, secrets
edited      editor: where one stands; frame, legal, rights, paths, working, outcome; by verb: entering, leaving,
            setting, rows; keeping, unknown: what the schema does not know
checked     checks: entries; changes: transactions; interfaces, privatekeys, subnets, tunnels, vips
divided     vdoms: one box as several; workspace: transactions of several lines; restore: whole backups
printed     render: show, get, tree
"""
