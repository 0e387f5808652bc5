"""The app's part of /api/v1/staff/."""

from django.urls import path

from menus.api import staff_views as views

urlpatterns = [
    path("recipes", views.RecipesView.as_view()),
    path("recipes/<int:recipe_id>", views.RecipeView.as_view()),
    path("recipes/<int:recipe_id>/ingredients", views.IngredientsView.as_view()),
    path("menus", views.MenusView.as_view()),
    path("menus/<int:menu_id>", views.MenuView.as_view()),
    path("menus/<int:menu_id>/duplicate", views.MenuCopyView.as_view()),
    path("menus/<int:menu_id>/publish", views.PublishView.as_view()),
    path("menus/<int:menu_id>/withdraw", views.WithdrawView.as_view()),
    path("menus/<int:menu_id>/archive", views.ArchiveView.as_view()),
    path("menus/<int:menu_id>/restore", views.RestoreView.as_view()),
    path("menus/<int:menu_id>/order", views.MenuOrderView.as_view()),
    path("menus/<int:menu_id>/sections", views.SectionsView.as_view()),
    path("menus/<int:menu_id>/sections/<int:section_id>", views.SectionView.as_view()),
    path("menus/<int:menu_id>/sections/<int:section_id>/items", views.ItemsView.as_view()),
    path("menus/<int:menu_id>/items/<int:item_id>", views.ItemView.as_view()),
]
