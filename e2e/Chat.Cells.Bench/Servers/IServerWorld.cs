using System.Net;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Servers;

/// <summary>A server under load, of one process or several, and its clients.</summary>
internal interface IServerWorld : IAsyncDisposable
{
    /// <summary>The engine, as in <c>bench.json</c>.</summary>
    string Label { get; }

    /// <summary>Where clients connect: one after the other takes the next address.</summary>
    IReadOnlyList<IPEndPoint> Clients { get; }

    /// <summary>All processes of it.</summary>
    IReadOnlyList<MeasuredServer> Servers { get; }

    /// <summary>CPU seconds of all its processes since their starts.</summary>
    double CpuSeconds => Servers.Sum(s => s.CpuSeconds);

    /// <summary>Resident memory of all its processes in bytes.</summary>
    long ResidentBytes => Servers.Sum(s => s.ResidentBytes);

    /// <summary>Clients that are in no conversation.</summary>
    IReadOnlyList<Connection> Connections(int count);

    /// <summary>Clients in rooms: the first ones share the first room, and so on.</summary>
    Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken);

    /// <summary>Starts all processes, and doesn't wait.</summary>
    void Launch()
    {
        foreach (var server in Servers) server.Start();
    }

    /// <summary>Starts all processes, and waits until they are ready.</summary>
    async Task StartAsync(CancellationToken cancellationToken)
    {
        Launch();
        foreach (var server in Servers) await server.WaitUntilReadyAsync(cancellationToken);
    }

    /// <summary>SIGKILL for all processes.</summary>
    Task KillAsync() => Task.WhenAll(Servers.Select(s => s.KillAsync()));
}
