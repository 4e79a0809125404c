"""Telemetry: one poll, many readers.

    demand -> Collector for each region: one reading a tick -> Table: rows and columns
      -> View for each selector: slots, batches encoded once -> Ring -> a Mark for each reader

A Selector says which series; a Lease is a claim on those of one region; an Audience is the readers of one View.
"""
