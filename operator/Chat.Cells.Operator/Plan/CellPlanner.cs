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
            return new CellPlan { Step = "AllocateNumber", Status = Status(observed, conditions, now, gateways: false), RequeueAfter = TimeSpan.FromSeconds(30) };
        }
        var gateways = GatewaysReady(observed);
        var isPublished = observed.MapEntry is { State: not CellState.Down };
        var isServing = gateways && isPublished;
        if (isServing)
        {
            conditions.Set(ConditionTypes.Ready, true, "Serving", "the cell serves its users");
            conditions.Set(ConditionTypes.Reconciling, false, "AsSpecified", "everything is as specified");
            conditions.Set(ConditionTypes.Stalled, false, "AsSpecified", "nothing stands in the way");
        }
        else if (!gateways)
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
            Step = isServing ? "Serve" : gateways ? "Publish" : "Provision",
            Secret = CellSecretPlan.Make(observed, secrets, now),
            Objects = [.. CellObjects.Make(observed, number, options), .. BridgeObjects.Make(observed, options)],
            Obsolete = [.. BridgeObjects.Obsolete(observed)],
            Status = Status(observed, conditions, now, gateways),
            RequeueAfter = isServing ? options.ReportInterval : TimeSpan.FromSeconds(30),
        };
    }

    internal static ChatCellStatus Status(Observed observed, ConditionSet conditions, DateTimeOffset now, bool gateways)
    {
        var before = observed.Cell.Status;
        var isProvisioned = observed.Claim.State == NameClaimState.Own;
        return new ChatCellStatus
        {
            ObservedGeneration = observed.Cell.Metadata.Generation,
            Number = observed.Claim.Number,
            Gateways = isProvisioned ? string.Create(CultureInfo.InvariantCulture, $"{Ready(observed)}/{observed.Cell.Spec.Gateways.Replicas}") : null,
            Connections = gateways ? observed.Report?.Connections ?? before?.Connections : null,
            Users = observed.Report?.Users ?? before?.Users,
            Endpoints = CellUrls.Public(observed.PublicService) is { } address && CellUrls.Internal(observed.InternalService) is { } inside
                ? new EndpointsStatus { Public = address, Internal = inside }
                : before?.Endpoints,
            FirstReadyTime = before?.FirstReadyTime ?? (gateways ? DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()) : null),
            Conditions = conditions.Conditions,
        };
    }

    internal static bool GatewaysReady(Observed observed)
    {
        var set = observed.StatefulSet;
        return set?.Spec?.Replicas is { } wanted && Ready(observed) >= wanted
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
        foreach (var type in new[] { ConditionTypes.KafkaReady, ConditionTypes.CassandraReady, ConditionTypes.RedisReady })
        {
            conditions.Set(type, gateways, "Embedded", gateways ? "built into the cell's pod, which is ready" : "built into the cell's pod, which is not ready");
        }
        var names = observed.Peers.Select(p => Naming.Bridge(observed.Cell.Metadata.Name!, p.Name)).ToHashSet();
        var ready = observed.Bridges.Count(b => names.Contains(b.Metadata.Name!) && b.Status?.ReadyReplicas >= 1 && b.Status.ObservedGeneration >= (b.Metadata.Generation ?? 0));
        conditions.Set(
            ConditionTypes.BridgesReady,
            ready == names.Count,
            names.Count == 0 ? "NoPeers" : ready == names.Count ? "AllReady" : "NotReady",
            names.Count == 0 ? "there is no other cell" : $"{ready} of {names.Count} bridges into the cell are ready");
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
        return new CellPlan { Step = "Stalled", Status = Status(observed, conditions, now, gateways) };
    }
}
