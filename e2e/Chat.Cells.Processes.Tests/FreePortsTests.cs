using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.Processes.Tests;

public sealed class FreePortsTests
{
    [Fact]
    public void Next_ManyFromTwo_NoneTwiceAndAllCanBeBound()
    {
        using var one = new FreePorts();
        using var two = new FreePorts();
        var ports = Enumerable.Range(0, 200).SelectMany(_ => new[] { one.Next(), two.Next() }).ToArray();
        Assert.Equal(ports.Length, ports.Distinct().Count());
        foreach (var port in ports)
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
    }

    [Fact]
    public void Next_AnyPort_IsNoneThatTheKernelGivesToWhoeverAsksForAny()
    {
        using var ports = new FreePorts();
        using var any = new TcpListener(IPAddress.Loopback, 0);
        any.Start();
        var lowest = Enumerable.Range(0, 50).Min(_ => ports.Next());
        Assert.True(lowest < ((IPEndPoint)any.LocalEndpoint).Port);
        Assert.All(Enumerable.Range(0, 50).Select(_ => ports.Next()), p => Assert.InRange(p, 10_000, 65_535));
    }

    [Fact]
    public void Next_AfterDispose_Throws()
    {
        var ports = new FreePorts();
        ports.Next();
        ports.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ports.Next());
    }
}
