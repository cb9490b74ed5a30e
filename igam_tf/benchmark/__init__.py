"""Speed on one machine: attacks and training steps beside a floor and beside other libraries."""
