"""The configuration database: schema, what is stored, how it is edited, and how it is printed."""
