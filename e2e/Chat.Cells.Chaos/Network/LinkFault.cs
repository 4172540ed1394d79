namespace Chat.Cells.Chaos.Network;

/// <summary>What is wrong with a link.</summary>
public enum LinkFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Open connections are reset, and so is each new one.</summary>
    Cut,

    /// <summary>Everything stays open and nothing passes; what was under way passes when the link heals.</summary>
    Silent,

    /// <summary>Everything passes late.</summary>
    Slow,

    /// <summary>The far side is told that open connections are gone; the near side is told nothing, and what it sends goes nowhere, until the link heals: then it is reset.</summary>
    HalfOpen,
}
