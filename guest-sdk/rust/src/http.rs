//! Durable outbound HTTP: the functions that create calls.

use crate::call::Call;
use crate::context::Context;

impl Context {
    /// Returns a call with this method.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.call("PURGE", "https://example.com/cache").send("purge cache").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call(&self, method: impl Into<String>, url: impl Into<String>) -> Call {
        Call::new(method.into(), url.into())
    }

    /// Returns a GET.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let price = ctx.get("https://example.com/price").send("get price").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, url: impl Into<String>) -> Call {
        self.call("GET", url)
    }

    /// Returns a POST.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.post("https://example.com/jobs").json(&json!({ "size": 5 })).send("start job").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn post(&self, url: impl Into<String>) -> Call {
        self.call("POST", url)
    }

    /// Returns a PUT.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.put("https://example.com/jobs/5").text("on hold").send("hold job").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn put(&self, url: impl Into<String>) -> Call {
        self.call("PUT", url)
    }

    /// Returns a PATCH.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let change = json!({ "size": 6 });
    /// ctx.patch("https://example.com/jobs/5").json(&change).send("grow job").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn patch(&self, url: impl Into<String>) -> Call {
        self.call("PATCH", url)
    }

    /// Returns a DELETE.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.delete("https://example.com/jobs/5").send("cancel job").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete(&self, url: impl Into<String>) -> Call {
        self.call("DELETE", url)
    }
}
