using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Hosting;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>
/// Deleting a cell: drain, so that it gets no new users; refuse while users remain; leave the map; stop the pods; delete the volumes if asked for. Until users are known to be
/// none, or their loss is accepted, the cell serves on.
/// </summary>
internal static class DeletionPlan
{
    public static CellPlan Make(Observed observed, CellPlanner planner, OperatorOptions options, DateTimeOffset now)
    {
        var conditions = new ConditionSet(observed.Cell, now);
        var users = Judge(observed, conditions.Previous(ConditionTypes.UsersRemain), options, now);
        if (users.Status != "False")
        {
            // A stalled cell has pods only from before; they are left alone.
            var plan = Stall.Find(observed) is null ? planner.Provision(observed, conditions, now) : Hold(observed, conditions, now);
            conditions.Set(ConditionTypes.UsersRemain, users.Status, users.Reason, users.Message);
            return plan with { Step = users.Status == "True" ? "RefuseDeletion" : "Drain", RequeueAfter = options.DeletionPoll };
        }
        CellPlanner.Progress(conditions, "Deleting", "the cell is being deleted");
        CellPlanner.Parts(conditions, observed, gateways: false);
        conditions.Set(ConditionTypes.UsersRemain, users.Status, users.Reason, users.Message);
        var status = CellPlanner.Status(observed, conditions, now, isUp: false);
        var next = new CellPlan { Step = "LeaveMap", Status = status, RequeueAfter = options.DeletionPoll };
        if (observed.MapEntry is not null || conditions.Previous(ConditionTypes.UsersRemain)?.Status != "False")
        {
            return next;
        }
        if (observed.StatefulSet is { } set)
        {
            return next with { Step = "StopPods", Obsolete = set.Metadata.DeletionTimestamp is null ? [Obsolete.From(set)] : [] };
        }
        if (observed.HasPods)
        {
            return next with { Step = "StopPods" };
        }
        if (observed.HasClaim && observed.Cell.Spec.DeletionPolicy == DeletionPolicy.Delete)
        {
            var key = new Kubernetes.Models.ObjectKey(observed.Cell.Metadata.Namespace, Naming.Claim(observed.Cell.Metadata.Name!));
            return next with { Step = "DeleteVolumes", Obsolete = [new Obsolete(Kubernetes.Models.ResourceType.Of<Kubernetes.Models.V1PersistentVolumeClaim>(), key, null)] };
        }
        return next with { Step = "Gone", MayGo = true };
    }

    private static CellPlan Hold(Observed observed, ConditionSet conditions, DateTimeOffset now)
    {
        var gateways = CellPlanner.GatewaysReady(observed);
        CellPlanner.Progress(conditions, "Deleting", "the cell's deletion waits");
        CellPlanner.Parts(conditions, observed, gateways);
        return new CellPlan { Step = "Drain", Status = CellPlanner.Status(observed, conditions, now, CellPlanner.IsUp(observed)) };
    }

    private static (string Status, string Reason, string Message) Judge(Observed observed, ConditionStatus? previous, OperatorOptions options, DateTimeOffset now)
    {
        if (previous is { Status: "False" })
        {
            // Once decided it stays: the cell may have left the map.
            return ("False", previous.Reason, previous.Message);
        }
        var cell = observed.Cell;
        var name = cell.Metadata.Name!;
        if (cell.Metadata.Annotation(ChatCell.AcceptLossAnnotation) == name)
        {
            return ("False", "LossAccepted", "the loss of service was accepted by annotation");
        }
        if (cell.Status?.FirstReadyTime is null && !CellPlanner.IsUp(observed))
        {
            return ("False", "NeverServed", "the cell has never been ready, so it has no users");
        }
        var isDrained = observed.MapEntry is null or { State: not CellState.Active };
        if (!isDrained || previous is null || (previous.Status == "Unknown" && now - previous.LastTransitionTime < options.DrainSettle))
        {
            return ("Unknown", "Draining", "the cell takes no new users; those it has are counted when all routers know");
        }
        var accept = $"move them, or accept that they lose their service: kubectl annotate chatcell {name} -n {cell.Metadata.Namespace} {ChatCell.AcceptLossAnnotation}={name}";
        return observed.Report switch
        {
            null => ("True", "UsersUnknown", $"the cell can't be asked how many users it has, so its deletion waits; {accept}"),
            { Users: > 0 } report => ("True", "UsersRemain", $"{(report.Users == 1 ? "one user lives" : $"{report.Users} users live")} in the cell, so its deletion waits; {accept}"),
            _ => ("False", "NoUsers", "the cell has no users"),
        };
    }
}
