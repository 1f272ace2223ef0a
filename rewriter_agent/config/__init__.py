"""The config tree; imports neither torch nor Ray."""

from .run import RunConfig, dump_config, load_config, make_config

__all__ = ["RunConfig", "dump_config", "load_config", "make_config"]
