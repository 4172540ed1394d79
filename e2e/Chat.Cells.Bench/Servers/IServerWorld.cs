using System.Net;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Servers;

/// <summary>A server under load, and its clients.</summary>
internal interface IServerWorld : IAsyncDisposable
{
    /// <summary>The engine, as in <c>bench.json</c>.</summary>
    string Label { get; }

    /// <summary>Where clients connect.</summary>
    IPEndPoint Clients { get; }

    ServerProcess Process { get; }

    /// <summary>Starts the process, and waits until it is ready.</summary>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Clients that are in no conversation.</summary>
    IReadOnlyList<Connection> Connections(int count);

    /// <summary>Clients in rooms: the first ones share the first room, and so on.</summary>
    Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken);
}
