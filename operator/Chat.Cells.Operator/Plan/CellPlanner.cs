using System.Globalization;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>
/// Decides what a cell needs now. A pure function: what was observed in, what is to be done out. Every call starts from what is there, so it does not
/// matter after which write an earlier one was cut off.
/// </summary>
public sealed class CellPlanner(OperatorOptions options, ISecretSource secrets)
{
    /// <summary>Makes the plan for a cell.</summary>
    public CellPlan Make(Observed observed, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(observed);
        var isDeleted = observed.Cell.Metadata.DeletionTimestamp is not null;
        if (isDeleted && observed.Claim.State != NameClaimState.Own)
        {
            // Nothing was ever made for it.
            return new CellPlan { Step = "Gone", Status = observed.Cell.Status ?? new ChatCellStatus(), MayGo = true };
        }
        if (isDeleted)
        {
            return DeletionPlan.Make(observed, this, options, now);
        }
        return Stall.Find(observed) is { } stall ? Stalled(observed, stall, now) : Provision(observed, new ConditionSet(observed.Cell, now), now);
    }

    /// <summary>What a cell that shall serve needs.</summary>
    internal CellPlan Provision(Observed observed, ConditionSet conditions, DateTimeOffset now)
    {
        if (observed.Claim is not { State: NameClaimState.Own, Number: { } number })
        {
            Progress(conditions, "AllocatingNumber", "waiting for a number in the cell map");
            Parts(conditions, observed, gateways: false);
            return new CellPlan { Step = "AllocateNumber", Status = Status(observed, conditions, now, isUp: false), RequeueAfter = TimeSpan.FromSeconds(30) };
        }
        var gateways = GatewaysReady(observed);
        var isUp = IsUp(observed);
        var isPublished = observed.MapEntry is { State: not CellState.Down };
        var isServing = isUp && isPublished;
        var fault = SecretFault(observed);
        if (isServing)
        {
            Serving(conditions, observed, gateways, fault);
        }
        else if (fault is not null && observed.StatefulSet is null)
        {
            // Without them the pods could not start: they are made when the credentials are there.
            Waiting(conditions, fault);
        }
        else if (!isUp)
        {
            Progress(conditions, "GatewaysNotReady", $"{Ready(observed)} of {observed.Cell.Spec.Gateways.Replicas} gateways are ready");
        }
        else
        {
            Progress(conditions, "PublishingCell", "waiting for the cell's entry in the cell map");
        }
        Parts(conditions, observed, gateways);
        return new CellPlan
        {
            Step = isServing ? "Serve" : isUp ? "Publish" : fault is not null && observed.StatefulSet is null ? "AwaitSecret" : "Provision",
            Secret = CellSecretPlan.Make(observed, secrets, now),
            Objects = [.. CellObjects.Make(observed, number, options), .. BridgeObjects.Make(observed, options)],
            Obsolete = [.. BridgeObjects.Obsolete(observed)],
            Status = Status(observed, conditions, now, isUp),
            // Secrets of others are not watched: the operator holds no copies of them.
            RequeueAfter = fault is not null ? options.SecretPoll : isServing || EngineRules.IsExternal(observed.Cell) ? options.ReportInterval : TimeSpan.FromSeconds(30),
        };
    }

    private static void Serving(ConditionSet conditions, Observed observed, bool gateways, EngineSecretFault? fault)
    {
        var wanted = observed.Cell.Spec.Gateways.Replicas;
        conditions.Set(ConditionTypes.Ready, true, "Serving", gateways ? "the cell serves its users" : $"the cell serves its users; {Ready(observed)} of {wanted} gateways are ready");
        if (fault is not null)
        {
            // Servers go on with what they have read; another one could not start.
            conditions.Set(ConditionTypes.Reconciling, true, fault.Reason, fault.Message + "; the servers that run go on with what they have read");
        }
        else if (!gateways)
        {
            conditions.Set(ConditionTypes.Reconciling, true, "GatewaysNotReady", $"{Ready(observed)} of {wanted} gateways are ready");
        }
        else
        {
            conditions.Set(ConditionTypes.Reconciling, false, "AsSpecified", "everything is as specified");
        }
        conditions.Set(ConditionTypes.Stalled, false, "AsSpecified", "nothing stands in the way");
    }

    private static void Waiting(ConditionSet conditions, EngineSecretFault fault)
    {
        if (fault.MayCome)
        {
            Progress(conditions, fault.Reason, fault.Message);
            return;
        }
        conditions.Set(ConditionTypes.Ready, false, fault.Reason, fault.Message);
        conditions.Set(ConditionTypes.Reconciling, false, fault.Reason, fault.Message);
        conditions.Set(ConditionTypes.Stalled, true, fault.Reason, fault.Message);
    }

    private static EngineSecretFault? SecretFault(Observed observed) =>
        EngineRules.Of(observed.Cell.Spec).Select(e => EngineSecretKeys.Fault(e.Name, e.Spec, observed.EngineSecrets)).FirstOrDefault(f => f is not null);

    /// <param name="isUp">Whether users are served, <see cref="IsUp"/>.</param>
    internal static ChatCellStatus Status(Observed observed, ConditionSet conditions, DateTimeOffset now, bool isUp)
    {
        var before = observed.Cell.Status;
        var isProvisioned = observed.Claim.State == NameClaimState.Own;
        return new ChatCellStatus
        {
            ObservedGeneration = observed.Cell.Metadata.Generation,
            Number = observed.Claim.Number,
            Gateways = isProvisioned ? string.Create(CultureInfo.InvariantCulture, $"{Ready(observed)}/{observed.Cell.Spec.Gateways.Replicas}") : null,
            Connections = isUp ? observed.Report?.Connections ?? before?.Connections : null,
            Users = observed.Report?.Users ?? before?.Users,
            Endpoints = CellUrls.Public(observed.PublicService) is { } address && CellUrls.Internal(observed.InternalService) is { } inside
                ? new EndpointsStatus { Public = address, Internal = inside }
                : before?.Endpoints,
            FirstReadyTime = before?.FirstReadyTime ?? (isUp ? DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()) : null),
            Conditions = conditions.Conditions,
        };
    }

    /// <summary>Whether users are served. An embedded cell's one gateway does, or nobody; of several, one is enough while the others are rolled or come.</summary>
    internal static bool IsUp(Observed observed) => EngineRules.IsExternal(observed.Cell) ? Ready(observed) > 0 : GatewaysReady(observed);

    /// <summary>Whether all gateways that are wanted are ready.</summary>
    internal static bool GatewaysReady(Observed observed)
    {
        var set = observed.StatefulSet;
        return set?.Spec?.Replicas is { } wanted && wanted == observed.Cell.Spec.Gateways.Replicas && Ready(observed) >= wanted
            && set.Status?.ObservedGeneration is { } seen && seen >= (set.Metadata.Generation ?? 0);
    }

    internal static void Progress(ConditionSet conditions, string reason, string message)
    {
        conditions.Set(ConditionTypes.Ready, false, reason, message);
        conditions.Set(ConditionTypes.Reconciling, true, reason, message);
        conditions.Set(ConditionTypes.Stalled, false, "AsSpecified", "nothing stands in the way");
    }

    /// <summary>Conditions of the parts.</summary>
    internal static void Parts(ConditionSet conditions, Observed observed, bool gateways)
    {
        var wanted = observed.Cell.Spec.Gateways.Replicas;
        conditions.Set(ConditionTypes.GatewaysReady, gateways, gateways ? "AllReady" : "NotReady", $"{Ready(observed)} of {wanted} gateways are ready");
        EngineConditions.Set(conditions, observed, gateways);
        var names = observed.Peers.Select(p => Naming.Bridge(observed.Cell.Metadata.Name!, p.Name)).ToHashSet();
        var ready = observed.Bridges.Count(b => names.Contains(b.Metadata.Name!) && b.Status?.ReadyReplicas >= 1 && b.Status.ObservedGeneration >= (b.Metadata.Generation ?? 0));
        var isSmall = EngineRules.HasSmallTopics(observed.Cell);
        if (observed.Peers.Where(p => p.HasSmallTopics != isSmall).Select(p => p.Name).ToList() is { Count: > 0 } others)
        {
            // The bridges run, and copy nothing.
            conditions.Set(
                ConditionTypes.BridgesReady,
                false,
                "PartitionsDiffer",
                $"nothing passes between this cell, whose topics have {Few(isSmall)} partitions, and {string.Join(", ", others)} with {Few(!isSmall)}: kafka.partitions must be the same, and an embedded cell's are Small");
            return;
        }
        conditions.Set(
            ConditionTypes.BridgesReady,
            ready == names.Count,
            names.Count == 0 ? "NoPeers" : ready == names.Count ? "AllReady" : "NotReady",
            names.Count == 0 ? "there is no other cell" : $"{ready} of {names.Count} bridges into the cell are ready");

        static string Few(bool few) => few ? "few" : "many";
    }

    private static int Ready(Observed observed) => observed.StatefulSet?.Status?.ReadyReplicas ?? 0;

    /// <summary>What can't go on by itself: said clearly, and nothing is touched.</summary>
    private static CellPlan Stalled(Observed observed, Stall stall, DateTimeOffset now)
    {
        var conditions = new ConditionSet(observed.Cell, now);
        var gateways = GatewaysReady(observed);
        conditions.Set(ConditionTypes.Ready, false, stall.Reason, stall.Message);
        conditions.Set(ConditionTypes.Reconciling, false, stall.Reason, stall.Message);
        conditions.Set(ConditionTypes.Stalled, true, stall.Reason, stall.Message);
        if (observed.Claim.State == NameClaimState.Own)
        {
            Parts(conditions, observed, gateways);
        }
        return new CellPlan { Step = "Stalled", Status = Status(observed, conditions, now, IsUp(observed)) };
    }
}
