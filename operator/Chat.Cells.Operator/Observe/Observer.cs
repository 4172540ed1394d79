using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Observe;

/// <summary>Gathers what a plan depends on, once, from the caches; asks the cell itself and, in a deletion, the server.</summary>
public sealed class Observer(ClusterCache cache, KubernetesClient client, ICellProbe probe, OperatorOptions options, TimeProvider time)
{
    private readonly ServerObserver servers = new(client, probe);

    // A little less than the time after which the next look comes.
    private readonly RecentReports reports = new(time, options.ReportInterval * 0.9);

    /// <summary>What is known of one cell.</summary>
    public async Task<Observed> CellAsync(ChatCell cell, CancellationToken cancellationToken)
    {
        var ns = cell.Metadata.Namespace!;
        var name = cell.Metadata.Name!;
        var state = MapState();
        var claim = MapPlanner.ClaimOf(cell, state);
        var bridges = Naming.BridgeApp;
        var observed = new Observed
        {
            Cell = cell,
            Claim = claim,
            MapEntry = claim.State == NameClaimState.Own ? state.Map?.Find(name) : null,
            Secret = Own(cache.Secrets.Lister.Get(ns, Naming.CellSecret(name)), cell),
            PublicService = Own(cache.Services.Lister.Get(ns, name), cell),
            InternalService = Own(cache.Services.Lister.Get(ns, Naming.InternalService(name)), cell),
            StatefulSet = Own(cache.StatefulSets.Lister.Get(ns, name), cell),
            DisruptionBudget = Own(cache.DisruptionBudgets.Lister.Get(ns, name), cell),
            EngineSecrets = await EngineSecretsAsync(cell, cancellationToken),
            Bridges = [.. cache.Deployments.Lister.List(ns).Where(d => d.Metadata.Label(Naming.CellLabel) == name && d.Metadata.Label(Naming.AppLabel) == bridges)],
            BridgeSecrets = [.. cache.Secrets.Lister.List(ns).Where(s => s.Metadata.Label(Naming.CellLabel) == name && s.Metadata.Label(Naming.AppLabel) == bridges)],
            Peers = Peers(cell, state),
        };
        if (claim.State != NameClaimState.Own)
        {
            return observed;
        }
        if (observed.Secret?.Data is { } secret && secret.TryGetValue(CellSecretKeys.InternalToken, out var token))
        {
            observed = await reports.AddAsync(observed, o => AskAsync(o, token, cancellationToken));
        }
        return cell.Metadata.DeletionTimestamp is null ? observed : await LeftoversAsync(observed, cancellationToken);
    }

    /// <summary>The published cell map with its register of names.</summary>
    /// <exception cref="Topology.CellMapException">It is damaged, and so are all copies.</exception>
    public MapState MapState()
    {
        var copies = cache.ConfigMaps.Lister.List().Where(m => m.Metadata.Name == Naming.MapName && m.Metadata.Namespace != options.Namespace);
        return Plan.MapState.Read(cache.ConfigMaps.Lister.Get(options.Namespace, Naming.MapName), copies);
    }

    /// <summary>What the cell map depends on.</summary>
    public IReadOnlyList<MapInput> MapInputs() =>
    [
        .. cache.Cells.Lister.List().Select(c => new MapInput(
            c,
            CellUrls.Public(cache.Services.Lister.Get(c.Metadata.Namespace, c.Metadata.Name!)),
            CellUrls.Internal(cache.Services.Lister.Get(c.Metadata.Namespace, Naming.InternalService(c.Metadata.Name!))),
            CellSecretKeys.PublicKeys(cache.Secrets.Lister.Get(c.Metadata.Namespace, Naming.CellSecret(c.Metadata.Name!))?.Data))),
    ];

    private IReadOnlyList<Peer> Peers(ChatCell cell, MapState state) =>
    [
        .. cache.Cells.Lister.List()
            .Where(p => p.Metadata.Name != cell.Metadata.Name && !MapPlanner.IsLeaving(p) && MapPlanner.ClaimOf(p, state).State == NameClaimState.Own)
            .OrderBy(p => p.Metadata.Name, StringComparer.Ordinal)
            .Select(p => new Peer(
                p.Metadata.Name!,
                CellUrls.Internal(cache.Services.Lister.Get(p.Metadata.Namespace, Naming.InternalService(p.Metadata.Name!))),
                cache.Secrets.Lister.Get(p.Metadata.Namespace, Naming.CellSecret(p.Metadata.Name!))?.Data ?? new Dictionary<string, byte[]>()) { HasSmallTopics = EngineRules.HasSmallTopics(p) }),
    ];

    private async Task<Observed> AskAsync(Observed observed, byte[] token, CancellationToken cancellationToken)
    {
        if (EngineRules.IsExternal(observed.Cell))
        {
            return await servers.AskAsync(observed, token, cancellationToken);
        }
        return CellUrls.Internal(observed.InternalService) is { } url && CellPlanner.GatewaysReady(observed)
            ? observed with { Report = await probe.ReadAsync(url, token, cancellationToken) }
            : observed;
    }

    /// <summary>Each is asked for by its name when a plan is made: nobody else's secret is ever in a cache here.</summary>
    private async Task<IReadOnlyDictionary<string, EngineSecret>> EngineSecretsAsync(ChatCell cell, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, EngineSecret>(StringComparer.Ordinal);
        if (!EngineRules.IsExternal(cell) || EngineRules.Fault(cell.Spec) is not null)
        {
            return found;
        }
        foreach (var name in EngineRules.Of(cell.Spec).Select(e => e.Spec.SecretName).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            if (await client.Of<V1Secret>().TryGetAsync(cell.Metadata.Namespace, name, cancellationToken) is { } secret)
            {
                found[name] = new EngineSecret(name, secret.Data ?? new Dictionary<string, byte[]>());
            }
        }
        return found;
    }

    private async Task<Observed> LeftoversAsync(Observed observed, CancellationToken cancellationToken)
    {
        var ns = observed.Cell.Metadata.Namespace!;
        var name = observed.Cell.Metadata.Name!;
        var selector = string.Join(',', Naming.CellSelector(name).Select(l => $"{l.Key}={l.Value}"));
        var pods = await client.Of<V1Pod>().ListChunkAsync(ns, new ListOptions { LabelSelector = selector, Limit = 1 }, cancellationToken);
        var claim = await client.Of<V1PersistentVolumeClaim>().TryGetAsync(ns, Naming.Claim(name), cancellationToken);
        return observed with { HasPods = pods.Items.Count > 0, HasClaim = claim is not null };
    }

    /// <summary>An object left over by an earlier cell of the same name goes with that cell: it is not this one's.</summary>
    private static T? Own<T>(T? value, ChatCell cell)
        where T : class, IKubernetesObject =>
        value?.Metadata.OwnerReferences is { } owners && owners.Any(o => o.Kind == cell.Kind && o.Uid != cell.Metadata.Uid) ? null : value;
}
