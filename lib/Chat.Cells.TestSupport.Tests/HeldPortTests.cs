using System.Net.Sockets;

namespace Chat.Cells.TestSupport.Tests;

public sealed class HeldPortTests
{
    [Fact]
    public async Task Held_ServerComesAndGoes_IsItsOwnAndRefusesInBetween()
    {
        using var held = new HeldPort();
        for (var i = 0; i < 3; i++)
        {
            using var client = new TcpClient();
            await Assert.ThrowsAsync<SocketException>(() => client.ConnectAsync(held.EndPoint));

            using var server = new TcpListener(held.EndPoint);
            server.Start();
            using var connected = new TcpClient();
            await connected.ConnectAsync(held.EndPoint);
            using var accepted = await server.AcceptTcpClientAsync();
            using var another = new TcpListener(held.EndPoint);
            Assert.Throws<SocketException>(another.Start);
        }
    }

    /// <summary>A tenth of the kernel's ports, taken by whoever asks for any, while its server is away.</summary>
    [Fact]
    public void Held_NobodyListens_IsGivenToNobodyWhoAsksForAnyPort()
    {
        using var held = new HeldPort();
        var others = new List<HeldPort>();
        try
        {
            for (var i = 0; i < 2000; i++)
            {
                others.Add(new HeldPort());
                Assert.NotEqual(held.Number, others[^1].Number);
            }
        }
        finally
        {
            others.ForEach(o => o.Dispose());
        }
    }
}
