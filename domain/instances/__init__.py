"""Instances of applications, and which revisions they hold."""

from domain.instances.convergence import Convergence
from domain.instances.instance import LIVE, Holds, Instance, Wish, holds_of, is_name

__all__ = ["LIVE", "Convergence", "Holds", "Instance", "Wish", "holds_of", "is_name"]
