using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Topology;

namespace Chat.Cells.Operator.Plan;

/// <summary>Why a cell can't be provisioned until somebody changes something.</summary>
public sealed record Stall(string Reason, string Message)
{
    /// <summary>The first reason, or null.</summary>
    public static Stall? Find(Observed observed) => OfSpec(observed.Cell) ?? OfClaim(observed);

    /// <summary>What the spec itself says; cells with such a fault are not put into the cell map.</summary>
    public static Stall? OfSpec(ChatCell cell)
    {
        var spec = cell.Spec;
        // The schema refuses these already; a server without it, or an older schema, may not have.
        // A service's name starts with a letter.
        if (!Names.IsLabel(cell.Metadata.Name) || char.IsAsciiDigit(cell.Metadata.Name![0]))
        {
            return new Stall("InvalidSpec", $"'{cell.Metadata.Name}' can't be a cell's name: use at most {Names.MaxLength} of a-z, 0-9 and inner dashes, a letter first");
        }
        if (!Names.IsLabel(spec.Region))
        {
            return new Stall("InvalidSpec", $"'{spec.Region}' can't be a region's name: use at most {Names.MaxLength} of a-z, 0-9 and inner dashes");
        }
        if (spec.Weight is < 0 or > 1000)
        {
            return new Stall("InvalidSpec", $"weight {spec.Weight} is not within 0 to 1000");
        }
        return EngineRules.Fault(spec);
    }

    private static Stall? OfClaim(Observed observed)
    {
        var name = observed.Cell.Metadata.Name;
        return observed.Claim.State switch
        {
            NameClaimState.Taken => new Stall("NameTaken", $"the name '{name}' is that of the cell in namespace '{observed.Claim.Holder}'; cell names are unique in the whole cluster: choose another"),
            NameClaimState.Retired => new Stall("NameTaken", $"the name '{name}' was that of a deleted cell, and its number is part of the ids of its messages: choose another"),
            NameClaimState.Own when observed.Claim.External != EngineRules.IsExternal(observed.Cell) => new Stall(
                "EngineChanged",
                $"the messages of the cell '{name}' are {(observed.Claim.External ? "in External engines" : "on its volume, with Embedded engines")}, and would be left behind: set the engines back, or make another cell under another name. Nothing was changed"),
            _ => null,
        };
    }
}
