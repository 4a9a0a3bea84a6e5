"""The networks of the workloads, described for every contestant."""

from __future__ import annotations

from benchmarks.networks import Network, Size


def digits() -> Network:
    """The talk's: two convolutions and two dense layers."""
    net = Network()
    x = net.input(28, 28, 1)
    for channels in (32, 64):
        x = net.max_pool(net.relu(net.conv(x, channels, 5, 1, 2, bias=True)), 2, 2)
    net.dense(net.dropout(net.relu(net.dense(x, 1024))), 10)
    return net


def activity() -> Network:
    """The talk's: a convolution to 20 steps, an LSTM, two dense layers."""
    net = Network()
    x = net.relu(net.conv(net.input(2000, 6), 64, 100, 100, bias=True))
    x = net.relu(net.batch_norm(net.dense(net.lstm(x, 200), 128)))
    net.dense(net.dropout(x), 6)
    return net


def resnet18() -> Network:
    """He et al., CVPR 2016, with the stem for images of 32 x 32 pixels."""
    net = Network()
    x = net.relu(net.batch_norm(net.conv(net.input(32, 32, 3), 64, 3, 1, 1)))
    for stage, channels in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = net.relu(net.batch_norm(net.conv(x, channels, 3, stride, 1)))
            y = net.batch_norm(net.conv(y, channels, 3, 1, 1))
            if stride == 2:
                x = net.batch_norm(net.conv(x, channels, 1, stride))
            x = net.relu(net.add(y, x))
    net.dense(net.mean(x), 10)
    return net


def tinyyolo() -> Network:
    """Tiny YOLO v2 (Redmon and Farhadi, CVPR 2017) for 20 classes and 5 boxes a cell.

    Without its sixth pooling, which has a stride of 1.
    """
    net = Network()
    x = net.input(416, 416, 3)
    for channels in (16, 32, 64, 128, 256):
        x = net.leaky_relu(net.batch_norm(net.conv(x, channels, 3, 1, 1)))
        x = net.max_pool(x, 2, 2)
    for channels in (512, 1024, 1024):
        x = net.leaky_relu(net.batch_norm(net.conv(x, channels, 3, 1, 1)))
    net.conv(x, 125, 1, bias=True)
    return net


class Inception(Network):
    """Inception-v3 (Szegedy et al., CVPR 2016) without its auxiliary head."""

    def unit(self, x: int, channels: int, kernel: Size, stride: int = 1, padding: Size = 0) -> int:
        """A convolution, batch norm and relu."""
        return self.relu(self.batch_norm(self.conv(x, channels, kernel, stride, padding)))

    def row(self, x: int, channels: int) -> int:
        return self.unit(x, channels, (1, 7), 1, (0, 3))

    def column(self, x: int, channels: int) -> int:
        return self.unit(x, channels, (7, 1), 1, (3, 0))

    def pooled(self, x: int, channels: int) -> int:
        return self.unit(self.avg_pool(x, 3, 1, 1), channels, 1)

    def module_a(self, x: int, pooled: int) -> int:
        double = self.unit(self.unit(x, 64, 1), 96, 3, 1, 1)
        return self.concat(
            self.unit(x, 64, 1),
            self.unit(self.unit(x, 48, 1), 64, 5, 1, 2),
            self.unit(double, 96, 3, 1, 1),
            self.pooled(x, pooled),
        )

    def module_b(self, x: int, c: int) -> int:
        long = self.column(self.row(self.column(self.unit(x, c, 1), c), c), c)
        return self.concat(
            self.unit(x, 192, 1),
            self.column(self.row(self.unit(x, c, 1), c), 192),
            self.row(long, 192),
            self.pooled(x, 192),
        )

    def module_c(self, x: int) -> int:
        single = self.unit(x, 384, 1)
        double = self.unit(self.unit(x, 448, 1), 384, 3, 1, 1)
        halves = [
            self.unit(y, 384, kernel, 1, padding)
            for y in (single, double)
            for kernel, padding in (((1, 3), (0, 1)), ((3, 1), (1, 0)))
        ]
        return self.concat(self.unit(x, 320, 1), *halves, self.pooled(x, 192))


def inception() -> Network:
    """Of images of 299 x 299 pixels, to 1,000 classes."""
    net = Inception()
    x = net.unit(net.unit(net.input(299, 299, 3), 32, 3, 2), 32, 3)
    x = net.max_pool(net.unit(x, 64, 3, 1, 1), 3, 2)
    x = net.max_pool(net.unit(net.unit(x, 80, 1), 192, 3), 3, 2)
    for pooled in (32, 64, 64):
        x = net.module_a(x, pooled)
    double = net.unit(net.unit(x, 64, 1), 96, 3, 1, 1)
    x = net.concat(net.unit(x, 384, 3, 2), net.unit(double, 96, 3, 2), net.max_pool(x, 3, 2))
    for channels in (128, 160, 160, 192):
        x = net.module_b(x, channels)
    long = net.column(net.row(net.unit(x, 192, 1), 192), 192)
    short = net.unit(net.unit(x, 192, 1), 320, 3, 2)
    x = net.concat(short, net.unit(long, 192, 3, 2), net.max_pool(x, 3, 2))
    x = net.module_c(net.module_c(x))
    net.dense(net.dropout(net.mean(x)), 1000)
    return net
