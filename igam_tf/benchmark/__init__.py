"""What `benchmark` measures: this library's speed beside a floor and beside other libraries, on one
machine.
"""
