"""The only part that knows both sides: inbox -> step -> save -> act -> publish, with one timer."""

from callbridge.runtime.clock import Clock
from callbridge.runtime.lanes import Lanes
from callbridge.runtime.loop import Runtime, Watcher
from callbridge.runtime.performers import Performers

__all__ = ["Clock", "Lanes", "Performers", "Runtime", "Watcher"]
