"""A web server in the network of the tests."""

from pynat.net import Net

net = Net(hermetic=True)


@net.http("web.test")
def page(_request: object) -> str:
    return "hello, kernel"
