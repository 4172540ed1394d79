using System.Net;
using System.Net.Sockets;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>
/// The kube-proxy of this machine. Follows Services and EndpointSlices and keeps one listener per address; while the API is down everything goes on with
/// what was last known.
/// </summary>
public sealed class ServiceForwarder : IAsyncDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(2);
    private readonly Informer<V1Service> services;
    private readonly Informer<V1EndpointSlice> slices;
    private readonly ForwarderSnapshot? snapshot;
    private readonly ILogger logger;
    private readonly SemaphoreSlim wake = new(0);
    private readonly Dictionary<IPEndPoint, ServiceListener> listeners = [];
    private readonly HashSet<string> said = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource relaying = new();
    private IReadOnlyList<ServiceRoute> routes = [];

    /// <summary>Makes a forwarder; <see cref="RunAsync"/> starts it.</summary>
    /// <param name="client">The API.</param>
    /// <param name="snapshot">Where the last known routes are kept, or null for nowhere.</param>
    /// <param name="logger">For its log.</param>
    /// <param name="time">The clock.</param>
    public ServiceForwarder(KubernetesClient client, ForwarderSnapshot? snapshot, ILogger logger, TimeProvider time)
    {
        this.snapshot = snapshot;
        this.logger = logger;
        services = new Informer<V1Service>(client.Of<V1Service>(), ClusterObjects.Options, logger, time);
        slices = new Informer<V1EndpointSlice>(client.Of<V1EndpointSlice>(), ClusterObjects.Options, logger, time);
        services.AddHandlers(_ => wake.Release(), (_, _) => wake.Release(), _ => wake.Release());
        slices.AddHandlers(_ => wake.Release(), (_, _) => wake.Release(), _ => wake.Release());
    }

    /// <summary>Forwards until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var following = Task.WhenAll(services.RunAsync(cancellationToken), slices.RunAsync(cancellationToken));
        try
        {
            if (snapshot?.Load() is { Count: > 0 } last)
            {
                // The API may be down: until it answers, what it last said holds.
                logger.FromSnapshot(last.Count);
                routes = last;
                await ApplyAsync();
            }

            await Task.WhenAll(services.WaitForSyncAsync(cancellationToken), slices.WaitForSyncAsync(cancellationToken));
            while (true)
            {
                Read();
                var complete = await ApplyAsync();
                await wake.WaitAsync(complete ? Timeout.InfiniteTimeSpan : Retry, cancellationToken);
                while (wake.CurrentCount > 0)
                {
                    await wake.WaitAsync(cancellationToken); // many changes, one pass
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await following;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        ServiceListener[] open;
        lock (listeners)
        {
            open = [.. listeners.Values];
            listeners.Clear();
        }

        foreach (var listener in open)
        {
            await listener.DisposeAsync();
        }

        await relaying.CancelAsync();
        relaying.Dispose();
    }

    private void Read()
    {
        var (newest, refusals) = ServiceTable.Build(services.Lister.List(), slices.Lister.List());
        foreach (var refusal in refusals)
        {
            if (said.Add($"{refusal.Service} {refusal.What}"))
            {
                logger.NotSupported(refusal.Service, refusal.What);
            }
        }

        if (!Same(newest, routes))
        {
            routes = newest;
            snapshot?.Save(newest);
        }
    }

    private static bool Same(IReadOnlyList<ServiceRoute> a, IReadOnlyList<ServiceRoute> b) =>
        a.Count == b.Count && a.Zip(b).All(pair => pair.First.Address.Equals(pair.Second.Address) && pair.First.Endpoints.SequenceEqual(pair.Second.Endpoints));

    private async Task<bool> ApplyAsync()
    {
        // Without endpoints nobody listens: clients are refused at once, as by kube-proxy, instead of being let in and thrown out.
        var wanted = routes.Where(route => route.Endpoints.Length > 0).ToDictionary(route => route.Address);
        List<ServiceListener> closing = [];
        lock (listeners)
        {
            foreach (var address in listeners.Keys.Where(address => !wanted.ContainsKey(address)).ToList())
            {
                closing.Add(listeners[address]);
                listeners.Remove(address);
            }
        }

        foreach (var listener in closing)
        {
            logger.Closed(listener.Address);
            await listener.DisposeAsync();
        }

        var complete = true;
        foreach (var route in wanted.Values)
        {
            lock (listeners)
            {
                if (listeners.TryGetValue(route.Address, out var listener))
                {
                    listener.SetEndpoints(route.Endpoints);
                    continue;
                }

                try
                {
                    listeners.Add(route.Address, ServiceListener.Start(route.Address, route.Endpoints, logger, relaying.Token));
                    said.Remove($"cannot {route.Address}");
                    logger.Listening(route.Service, route.Address);
                }
                catch (SocketException e)
                {
                    complete = false;
                    if (said.Add($"cannot {route.Address}"))
                    {
                        logger.CannotListen(route.Service, route.Address, e.SocketErrorCode);
                    }
                }
            }
        }

        return complete;
    }
}
