"""What the services of recipes and menus refuse: each a stable `code` of the API."""

from config.api.problems import DomainError


class ChangedMeanwhile(DomainError):
    """Somebody changed it since it was read: read it again, then decide."""

    status = 409
    code = "changed_meanwhile"
    title = "Changed meanwhile"


class RecipeCycle(DomainError):
    """A recipe cannot be a part of itself, not even by way of other recipes."""

    code = "recipe_cycle"
    title = "A recipe within itself"


class OtherRestaurant(DomainError):
    """What is put together belongs to different restaurants, or to none that is known."""

    code = "other_restaurant"
    title = "Not of this restaurant"


class StillUsed(DomainError):
    """It cannot be deleted as long as something else needs it; `detail` says what."""

    status = 409
    code = "still_used"
    title = "Still used"
