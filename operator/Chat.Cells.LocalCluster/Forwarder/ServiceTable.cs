using System.Collections.Immutable;
using System.Net;
using Chat.Cells.Kubernetes.Models;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Forwarder;

/// <summary>One address to listen on and where its connections go.</summary>
public sealed record ServiceRoute(string Service, IPEndPoint Address, ImmutableArray<IPEndPoint> Endpoints);

/// <summary>Something a Service asks for that is not done here.</summary>
public sealed record ServiceRefusal(string Service, string What);

/// <summary>Works out from Services and EndpointSlices what to listen on. Pure.</summary>
public static class ServiceTable
{
    private const string ServiceNameLabel = "kubernetes.io/service-name";

    /// <summary>All routes, in a stable order; of two Services that claim one address the older by name wins and the other is refused.</summary>
    public static (IReadOnlyList<ServiceRoute> Routes, IReadOnlyList<ServiceRefusal> Refusals) Build(IEnumerable<V1Service> services, IEnumerable<V1EndpointSlice> slices)
    {
        var byService = slices.ToLookup(slice => (slice.Metadata.Namespace, slice.Metadata.Label(ServiceNameLabel)));
        var routes = new Dictionary<IPEndPoint, ServiceRoute>();
        var refusals = new List<ServiceRefusal>();
        foreach (var service in services.OrderBy(service => ObjectKey.Of(service).ToString(), StringComparer.Ordinal))
        {
            var name = ObjectKey.Of(service).ToString();
            var spec = service.Spec;
            if (spec is null || service.Metadata.DeletionTimestamp is not null || string.Equals(spec.Type, "ExternalName", StringComparison.Ordinal))
            {
                continue;
            }

            foreach (var port in spec.Ports ?? [])
            {
                if (port.Protocol is not (null or "" or "TCP"))
                {
                    refusals.Add(new ServiceRefusal(name, $"not supported here: {port.Protocol} port {port.Port}"));
                    continue;
                }

                var endpoints = Endpoints(byService[(service.Metadata.Namespace, service.Metadata.Name)], port.Name);
                foreach (var address in Addresses(spec, port))
                {
                    if (!routes.TryAdd(address, new ServiceRoute(name, address, endpoints)))
                    {
                        refusals.Add(new ServiceRefusal(name, $"{address} belongs to {routes[address].Service}"));
                    }
                }
            }

            if (spec.SessionAffinity is not (null or "" or "None"))
            {
                refusals.Add(new ServiceRefusal(name, $"not supported here: sessionAffinity {spec.SessionAffinity}; every client has the same address on one machine"));
            }
        }

        return ([.. routes.Values], refusals);
    }

    private static IEnumerable<IPEndPoint> Addresses(V1ServiceSpec spec, V1ServicePort port)
    {
        if (spec.ClusterIP is { Length: > 0 } ip && IPAddress.TryParse(ip, out var address) && IPAddress.IsLoopback(address))
        {
            yield return new IPEndPoint(address, port.Port);
        }

        if (spec.Type is "NodePort" or "LoadBalancer" && port.NodePort is > 0 and var nodePort)
        {
            yield return new IPEndPoint(IPAddress.Loopback, nodePort);
        }
    }

    private static ImmutableArray<IPEndPoint> Endpoints(IEnumerable<V1EndpointSlice> slices, string? portName)
    {
        var result = ImmutableSortedSet.CreateBuilder(Comparer<IPEndPoint>.Create(static (a, b) => string.CompareOrdinal(a.ToString(), b.ToString())));
        foreach (var slice in slices)
        {
            var port = (slice.Ports ?? []).FirstOrDefault(candidate => string.Equals(candidate.Name ?? "", portName ?? "", StringComparison.Ordinal))?.Port;
            if (port is null)
            {
                continue;
            }

            foreach (var endpoint in slice.Endpoints.Where(endpoint => endpoint.Conditions?.Ready != false))
            {
                foreach (var text in endpoint.Addresses)
                {
                    if (IPAddress.TryParse(text, out var address))
                    {
                        result.Add(new IPEndPoint(address, port.Value));
                    }
                }
            }
        }

        return [.. result];
    }
}
