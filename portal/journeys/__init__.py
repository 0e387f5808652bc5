"""The customer's, the guest's and the staff's day, walked through a deployment by people who are removed afterwards."""
