"""Staff: the Django users of this project. Customers are another model in another app."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.db import models
from django.utils.functional import cached_property

from config.fields import EnumField, LegacyDateTimeField, LineField, RawBCryptField
from config.sessions import Session


class UserManager(BaseUserManager["User"]):
    """Makes staff."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new staff user; EMAIL is kept as typed, since the old application compares it exactly."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new user with role SUPERADMIN."""
        return self.create_user(email, password, **{**fields, "role": User.Role.SUPERADMIN})


class User(AbstractBaseUser):
    """A row of the legacy `users` table: whoever works for the platform or for one of its restaurants."""

    class Role(models.TextChoices):
        """The platform-wide role."""

        USER = "USER"
        ADMIN = "ADMIN"
        SUPERADMIN = "SUPERADMIN"

    # The legacy table has no such column, and logging in must not write into it.
    last_login = None

    email = LineField(unique=True)
    name = LineField(null=True, blank=True)
    password = RawBCryptField()
    role = EnumField("UserRole", choices=Role.choices, default=Role.USER)
    # separation: begin
    # The one column of the compatibility layer outside the engine: whoever is flagged never enters the admin.
    is_customer = models.BooleanField(default=False)
    # separation: end
    phone = models.CharField(max_length=50, null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name or f"user {self.pk}"

    def get_full_name(self) -> str:
        """Return the name as the admin shows it beside the email."""
        return self.name or ""

    # separation: begin
    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Whether this user may log in at all: whoever is flagged as a customer may not, whatever else they are."""
        return not self.is_customer

    # separation: end

    @property
    def is_superuser(self) -> bool:
        """Whether this user may do everything in every restaurant."""
        return self.role == self.Role.SUPERADMIN and bool(self.is_active)

    @property
    def is_staff(self) -> bool:
        """Whether this user may log in to the admin: by role, or as active staff somewhere."""
        if not self.is_active:
            return False
        return self.role in (self.Role.ADMIN, self.Role.SUPERADMIN) or bool(self.restaurant_roles)

    @cached_property
    def restaurant_roles(self) -> dict[int, str]:
        """The restaurants this user works for, as restaurant id → role; one query."""
        return dict(self.restaurant_staff.filter(is_active=True).values_list("restaurant_id", "role"))

    def restaurants_as(self, role: str) -> frozenset[int]:
        """Return the restaurants in which this user has at least ROLE; an ADMIN is as good as the owner of theirs."""
        ranks = {name: rank for rank, name in enumerate(RestaurantStaff.Role.values)}
        owns = self.role in (self.Role.ADMIN, self.Role.SUPERADMIN)
        held = self.restaurant_roles.items()
        return frozenset(place for place, name in held if owns or ranks.get(name, -1) >= ranks[role])

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether RAW_PASSWORD is right; never writes, whatever kind of hash is stored."""
        return check_password(raw_password, self.password)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return whether this user holds PERM; what restaurant staff may do is decided where the rows are scoped."""
        return self.is_superuser

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        """Return whether this user holds every permission of PERM_LIST."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether the admin shows APP_LABEL to this user at all."""
        return self.is_superuser


class RestaurantStaff(models.Model):
    """Who works where, and as what."""

    class Role(models.TextChoices):
        """The role in one restaurant."""

        STAFF = "STAFF"
        MANAGER = "MANAGER"
        OWNER = "OWNER"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="restaurant_staff")
    restaurant = models.ForeignKey("restaurants.Restaurant", on_delete=models.CASCADE, related_name="staff")
    role = EnumField("StaffRole", choices=Role.choices, default=Role.STAFF)
    is_active = models.BooleanField(default=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        db_table = "restaurant_staff"
        verbose_name_plural = "restaurant staff"
        unique_together = [("user", "restaurant")]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id} at {self.restaurant_id}"


class StaffSession(Session):
    """One log-in of a staff user to the REST API. It holds as long as the user has the password it began with."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, db_constraint=False, related_name="sessions")
    # Of the password's own hash, by our key: whoever changes the password, in whichever application, ends the log-in.
    password_hash = models.CharField(max_length=128)

    class Meta:
        db_table = "staff_sessions"

    def __str__(self) -> str:
        return f"session of user {self.user_id}"
