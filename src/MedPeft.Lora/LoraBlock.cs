namespace MedPeft.Lora;

/// <summary>One of the three projections that a fused attention layer (<c>qkv</c>) stacks in its rows, in the order of timm, MAE and DINO.</summary>
public enum LoraBlock
{
    /// <summary>Rows 0 to out/3: the queries.</summary>
    Query,

    /// <summary>Rows out/3 to 2·out/3: the keys.</summary>
    Key,

    /// <summary>Rows 2·out/3 to out: the values.</summary>
    Value,
}
